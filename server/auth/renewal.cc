#include "server/auth/renewal.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/session_ender.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

using storage::Session;
using storage::User;

// Each try that comes to nothing means that somebody else's renewal succeeded.
constexpr int kMaxTries = 8;

absl::Status SessionEnded() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kSessionEnded,
                 "the session has ended: log in again");
}

bool IsAlive(const Session& session, absl::Time now) {
  return !session.revoked_at.has_value() && now < session.idle_expires_at &&
         now < session.expires_at;
}

bool MayGoOn(const std::optional<User>& user, const Session& session) {
  return user.has_value() && user->state == storage::UserState::kActive &&
         user->version == session.user_version;
}

bool InGrace(const Session& session, int64_t generation, absl::Duration grace, absl::Time now) {
  const absl::Duration age = std::max(now - session.rotated_at, absl::ZeroDuration());
  return generation == session.generation - 1 && age <= grace;
}

}  // namespace

RenewalVerdict JudgeRenewal(const std::optional<Session>& session, const std::optional<User>& user,
                            int64_t generation, absl::Duration grace, absl::Time now) {
  if (!session.has_value() || !IsAlive(*session, now) || !MayGoOn(user, *session)) {
    return RenewalVerdict::kEnded;
  }
  if (generation == session->generation) return RenewalVerdict::kStep;
  if (generation > session->generation) return RenewalVerdict::kWentBack;
  return InGrace(*session, generation, grace, now) ? RenewalVerdict::kGrace
                                                   : RenewalVerdict::kReuse;
}

absl::StatusOr<IssuedGrant> Renewal::Renew(const CallInfo& call,
                                           const Secret& refresh_token) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const absl::StatusOr<RefreshClaim> claim = ParseRefreshToken(refresh_token, *keys);
  if (!claim.ok()) {
    parts_.log.Warning("renewal.refused", {{"reason", ReasonOf(claim.status())},
                                           {"token", Fingerprint(refresh_token.Reveal())},
                                           {"peer", call.peer}});
    return claim.status();
  }
  for (int tries = 0; tries < kMaxTries; ++tries) {
    const Attempt attempt{call, *claim, keys, RowTime(parts_.clock.Now())};
    TESSERA_ASSIGN_OR_RETURN(std::optional<IssuedGrant> grant, Try(attempt));
    if (grant.has_value()) return *std::move(grant);
  }
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the session is being changed by others", absl::Milliseconds(100));
}

Renewal::Outcome Renewal::Try(const Attempt& attempt) const {
  TESSERA_ASSIGN_OR_RETURN(const Seen seen, Look(attempt));
  switch (Judge(attempt, seen)) {
    case RenewalVerdict::kStep:
      return Step(attempt, seen);
    case RenewalVerdict::kGrace:
      return ReplayStep(attempt, seen);
    case RenewalVerdict::kReuse:
      return EndForReuse(attempt, seen);
    case RenewalVerdict::kWentBack:
      return EndIfAhead(attempt);
    case RenewalVerdict::kEnded:
      break;
  }
  parts_.log.Info("renewal.refused", {{"reason", std::string(reason::kSessionEnded)},
                                      {"session", attempt.claim.session_id.str()},
                                      {"peer", attempt.call.peer}});
  return SessionEnded();
}

// A session for an audience that is not allow-listed any more gets no further token.
RenewalVerdict Renewal::Judge(const Attempt& attempt, const Seen& seen) const {
  const RenewalVerdict verdict = JudgeRenewal(seen.session, seen.user, attempt.claim.generation,
                                              issuer_.policy().reuse_grace, attempt.now);
  const bool issues = verdict == RenewalVerdict::kStep || verdict == RenewalVerdict::kGrace;
  return issues && !issuer_.IsAllowed(seen.session->audience) ? RenewalVerdict::kEnded : verdict;
}

// What it finds is judged again by the write that follows: a session that has moved on or was ended
// meanwhile, as every change of its user ends it, does not move again.
absl::StatusOr<Renewal::Seen> Renewal::Look(const Attempt& attempt) const {
  Seen seen;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.ReadEach(attempt.call.deadline, [&](storage::Repositories& repositories) {
        seen = Seen();  // a second run begins anew
        TESSERA_ASSIGN_OR_RETURN(seen.session,
                                 repositories.sessions.Find(attempt.claim.session_id));
        if (!seen.session.has_value()) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(seen.user, repositories.users.Find(seen.session->user_id));
        TESSERA_ASSIGN_OR_RETURN(seen.roles, repositories.roles.HeldBy(seen.session->user_id));
        return absl::OkStatus();
      }));
  return seen;
}

// Signs and mints first, so that nothing can fail behind the compare-and-swap. A user who is
// disabled or changed meanwhile has had this session revoked in the same transaction, so the swap
// fails.
Renewal::Outcome Renewal::Step(const Attempt& attempt, const Seen& seen) const {
  const Session& session = *seen.session;
  const int64_t next = session.generation + 1;
  TESSERA_ASSIGN_OR_RETURN(TokenIssuer::AccessToken access,
                           issuer_.Sign(session, next, seen.roles, *attempt.keys, attempt.now));
  TESSERA_ASSIGN_OR_RETURN(
      Secret refresh, MintRefreshToken({session.id, next}, attempt.keys->mac_kid, *attempt.keys));
  const storage::SessionRotation rotation{session.id,
                                          session.generation,
                                          attempt.keys->mac_kid,
                                          attempt.now,
                                          std::max(session.access_until, access.expires_at),
                                          issuer_.IdleEnd(session, attempt.now),
                                          attempt.call.peer};
  bool moved = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(moved, in.sessions.Rotate(rotation));
        return absl::OkStatus();
      }));
  if (!moved) return std::nullopt;
  Log("session.renewed", attempt, session);
  return IssuedGrant{std::move(access.text), access.expires_at, std::move(refresh),
                     rotation.idle_expires_at, session.id};
}

// The same successor, derived again with the key that its generation was minted with, and an access
// token of its own, which the row has to cover before it is given out.
Renewal::Outcome Renewal::ReplayStep(const Attempt& attempt, const Seen& seen) const {
  const Session& session = *seen.session;
  TESSERA_ASSIGN_OR_RETURN(
      TokenIssuer::AccessToken access,
      issuer_.Sign(session, session.generation, seen.roles, *attempt.keys, attempt.now));
  TESSERA_ASSIGN_OR_RETURN(Secret refresh, MintRefreshToken({session.id, session.generation},
                                                            session.mac_kid, *attempt.keys));
  bool alive = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(
            alive, in.sessions.ExtendAccess(session.id, session.generation, access.expires_at));
        return absl::OkStatus();
      }));
  if (!alive) return std::nullopt;
  Log("renewal.grace_replay", attempt, session);
  return IssuedGrant{std::move(access.text), access.expires_at, std::move(refresh),
                     session.idle_expires_at, session.id};
}

// The refusal is made behind the transaction, so that what revokes is committed. The view follows
// at once; if it cannot, the feed brings it.
absl::Status Renewal::EndForReuse(const Attempt& attempt, const Seen& seen) const {
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline, [&](storage::Repositories& in) {
        return EndSessionIn(in, attempt.claim.session_id, attempt.now).status();
      }));
  parts_.feed.CatchUp(attempt.call.deadline).IgnoreError();
  Log("renewal.reuse", attempt, *seen.session);
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kRefreshReused,
                 "the refresh token had been replaced: its session has been ended");
}

// Looks again where writes are made, which no replica's lag can fool, and ends the session if the
// token is still ahead of it.
Renewal::Outcome Renewal::EndIfAhead(const Attempt& attempt) const {
  std::optional<Session> behind;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(behind, in.sessions.Find(attempt.claim.session_id));
        if (behind.has_value() && behind->generation >= attempt.claim.generation) behind.reset();
        if (!behind.has_value()) return absl::OkStatus();
        return EndSessionIn(in, behind->id, attempt.now).status();
      }));
  if (!behind.has_value()) return std::nullopt;
  parts_.feed.CatchUp(attempt.call.deadline).IgnoreError();
  Log("renewal.store_went_back", attempt, *behind);
  return SessionEnded();
}

void Renewal::Log(std::string_view event, const Attempt& attempt, const Session& session) const {
  const bool routine = event == "session.renewed";
  parts_.log.Write({routine ? Severity::kInfo : Severity::kWarning,
                    event,
                    {{"session", session.id.str()},
                     {"user", session.user_id.str()},
                     {"generation", absl::StrCat(attempt.claim.generation)},
                     {"row", absl::StrCat(session.generation)},
                     {"peer", attempt.call.peer}}});
}

}  // namespace tessera::server
