#include "server/auth/renewal.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/clock_watch.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/session_ender.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/claims.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

using storage::Session;

// Each try that comes to nothing means that somebody else's renewal succeeded.
constexpr int kMaxTries = 8;

absl::Status Unauthenticated(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::Status SessionEnded() {
  return Unauthenticated(reason::kSessionEnded, "the session has ended: log in again");
}

// What the caller is told for a verdict that changes nothing.
absl::Status RefusalOf(RenewalVerdict verdict, absl::Duration left) {
  switch (verdict) {
    case RenewalVerdict::kAccessUnproven:
      return Unauthenticated(reason::kAccessTokenRequired,
                             "the key of the access token is not known any more: log in again");
    case RenewalVerdict::kAccessReplaced:
      return Unauthenticated(reason::kAccessTokenRequired,
                             "the session has been renewed since: this access token renews it no "
                             "more");
    case RenewalVerdict::kNotExpired:
      return RetryableRefusal(absl::StatusCode::kFailedPrecondition, reason::kAccessTokenNotExpired,
                              "the access token is good still", left);
    case RenewalVerdict::kDeviceDiffers:
      return Unauthenticated(reason::kDeviceMismatch, "the session is bound to another device");
    case RenewalVerdict::kCertificateDiffers:
      return Unauthenticated(reason::kCertificateMismatch,
                             "the session is bound to another client certificate");
    default:
      return SessionEnded();
  }
}

RenewalShown ShownBy(const CallInfo& call, const RenewalInput& input) {
  const std::string& device = input.device_id.empty() ? call.device_id : input.device_id;
  RenewalShown shown;
  if (!device.empty()) shown.device_hash = DeviceHash(device);
  if (call.certificate.has_value()) shown.certificate = call.certificate->thumbprint;
  return shown;
}

IssuedGrant GrantOf(TokenIssuer::AccessToken access, Secret refresh, absl::Time refresh_end,
                    const SessionId& session) {
  return {std::move(access.text),  access.expires_at, std::move(refresh), refresh_end, session,
          std::move(access.scopes)};
}

// Whether `step` is the last one that was taken; what an access token alone may have changed since
// does not count.
bool IsStepOf(const storage::SessionRotation& step, const Session& row) {
  return row.generation == step.from_generation + 1 && row.mac_kid == step.mac_kid &&
         row.rotated_at == step.rotated_at && !row.revoked_at.has_value();
}

}  // namespace

absl::Status Renewal::CheckAccessTokenAlone(const CallInfo& call,
                                            const Secret& access_token) const {
  const absl::Status fit =
      tokens_.ClaimOf(access_token, *parts_.keys.Current(), parts_.clock.Now()).status();
  if (absl::IsUnauthenticated(fit)) {
    parts_.log.Warning("renewal.refused", {{"reason", ReasonOf(fit)},
                                           {"token", Fingerprint(access_token.Reveal())},
                                           {"peer", call.peer}});
  }
  return fit;
}

bool Renewal::NamesUnknownKey(const Secret& access_token) const {
  const auto claim = tokens_.ClaimOf(access_token, *parts_.keys.Current(), parts_.clock.Now());
  return ReasonOf(claim.status()) == reason::kTokenUnknownKey;
}

// An access token that a key signed which is not known here may be that of a key that has come up
// meanwhile.
absl::StatusOr<Renewal::Attempt> Renewal::Begin(const CallInfo& call,
                                                const RenewalInput& input) const {
  if (input.refresh_token.empty()) return BeginAlone(call, input);
  Attempt attempt{call, {}, ShownBy(call, input), parts_.keys.Current(), input.max_access_token,
                  {}};
  TESSERA_ASSIGN_OR_RETURN(attempt.claim, ParseRefreshToken(input.refresh_token, *attempt.keys));
  attempt.shown.generation = attempt.claim.generation;
  if (!issuer_.policy().renewal_needs_access_token) return attempt;
  attempt.shown.access = tokens_.Prove(input.access_token, attempt.claim, *attempt.keys);
  if (attempt.shown.access != AccessProof::kUnknownKey) return attempt;
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  attempt.keys = parts_.keys.Current();
  attempt.shown.access = tokens_.Prove(input.access_token, attempt.claim, *attempt.keys);
  return attempt;
}

// Catches up first: a token that was revoked, at whichever replica, must not come back as another.
absl::StatusOr<Renewal::Attempt> Renewal::BeginAlone(const CallInfo& call,
                                                     const RenewalInput& input) const {
  Attempt attempt{call, {}, ShownBy(call, input), parts_.keys.Current(), input.max_access_token,
                  {}};
  TESSERA_RETURN_IF_ERROR(
      tokens_.ClaimOf(input.access_token, *attempt.keys, parts_.clock.Now()).status());
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  attempt.keys = parts_.keys.Current();
  TESSERA_ASSIGN_OR_RETURN(attempt.claim,
                           tokens_.ClaimOf(input.access_token, *attempt.keys, parts_.clock.Now()));
  attempt.shown.generation = attempt.claim.generation;
  attempt.shown.by_access_token = true;
  return attempt;
}

// Where the clock is wrong, a retry in time looks like theft, and theft like a retry in time.
absl::Status Renewal::CheckClock() const {
  if (parts_.clock_watch == nullptr || parts_.clock_watch->agrees()) return absl::OkStatus();
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "this server's clock differs from the database's", absl::Seconds(1));
}

absl::StatusOr<IssuedGrant> Renewal::Renew(const CallInfo& call, const RenewalInput& input) const {
  TESSERA_RETURN_IF_ERROR(CheckClock());
  absl::StatusOr<Attempt> attempt = Begin(call, input);
  if (!attempt.ok()) {
    const Secret& shown = input.refresh_token.empty() ? input.access_token : input.refresh_token;
    parts_.log.Warning("renewal.refused", {{"reason", ReasonOf(attempt.status())},
                                           {"token", Fingerprint(shown.Reveal())},
                                           {"peer", call.peer}});
    return attempt.status();
  }
  for (int tries = 0; tries < kMaxTries; ++tries) {
    attempt->now = RowTime(parts_.clock.Now());
    TESSERA_ASSIGN_OR_RETURN(std::optional<IssuedGrant> grant, Try(*attempt));
    if (grant.has_value()) return *std::move(grant);
  }
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the session is being changed by others", absl::Milliseconds(100));
}

Renewal::Outcome Renewal::Try(const Attempt& attempt) const {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Standing> seen, Look(attempt));
  const RenewalVerdict verdict = Judge(attempt, seen);
  switch (verdict) {
    case RenewalVerdict::kStep:
      return Step(attempt, *seen);
    case RenewalVerdict::kGrace:
      return ReplayStep(attempt, *seen);
    case RenewalVerdict::kExtend:
      return Extend(attempt, *seen);
    case RenewalVerdict::kReuse:
      return EndForTheft(attempt, *seen, "renewal.reuse");
    case RenewalVerdict::kForeign:
      return EndForTheft(attempt, *seen, "renewal.foreign_access_token");
    case RenewalVerdict::kWentBack:
      return EndIfAhead(attempt);
    default:
      break;
  }
  const absl::Duration left =
      seen.has_value() ? seen->session.access_until - attempt.now : absl::ZeroDuration();
  return Refuse(attempt, RefusalOf(verdict, left));
}

absl::Status Renewal::Refuse(const Attempt& attempt, const absl::Status& refusal) const {
  parts_.log.Warning("renewal.refused", {{"reason", ReasonOf(refusal)},
                                         {"session", attempt.claim.session_id.str()},
                                         {"generation", absl::StrCat(attempt.claim.generation)},
                                         {"peer", attempt.call.peer}});
  return refusal;
}

// A session for an audience that is not allow-listed any more gets no further token.
RenewalVerdict Renewal::Judge(const Attempt& attempt, const std::optional<Standing>& seen) const {
  const TokenPolicy& policy = issuer_.policy();
  const RenewalRules rules{policy.reuse_grace, policy.renewal_needs_access_token,
                           policy.renewal_only_after_expiry};
  const RenewalVerdict verdict = JudgeRenewal(seen, attempt.shown, rules, attempt.now);
  const bool issues = verdict == RenewalVerdict::kStep || verdict == RenewalVerdict::kGrace ||
                      verdict == RenewalVerdict::kExtend;
  return issues && !issuer_.IsAllowed(seen->session.audience) ? RenewalVerdict::kEnded : verdict;
}

// What it finds is judged again by the write that follows: a session that has moved on or was ended
// meanwhile, as every change of its user ends it, does not move again.
absl::StatusOr<std::optional<Renewal::Standing>> Renewal::Look(const Attempt& attempt) const {
  std::optional<Standing> seen;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.ReadEach(attempt.call.deadline, [&](storage::Repositories& repositories) {
        TESSERA_ASSIGN_OR_RETURN(seen,
                                 repositories.sessions.FindStanding(attempt.claim.session_id));
        return absl::OkStatus();
      }));
  return seen;
}

absl::StatusOr<TokenIssuer::AccessToken> Renewal::Sign(const Attempt& attempt, const Standing& seen,
                                                       int64_t generation) const {
  TESSERA_ASSIGN_OR_RETURN(
      TokenIssuer::AccessToken access,
      issuer_.Sign(seen.session, generation, {seen.roles, seen.attributes, seen.groups},
                   *attempt.keys, attempt.now));
  TESSERA_RETURN_IF_ERROR(CheckLength(access, attempt.max_access_token));
  return access;
}

// Signs and mints first, so that nothing can fail behind the compare-and-swap. A user who is
// disabled or changed meanwhile has had this session revoked in the same transaction, so the swap
// fails.
Renewal::Outcome Renewal::Step(const Attempt& attempt, const Standing& seen) const {
  const Session& session = seen.session;
  const int64_t next = session.generation + 1;
  TESSERA_ASSIGN_OR_RETURN(TokenIssuer::AccessToken access, Sign(attempt, seen, next));
  TESSERA_ASSIGN_OR_RETURN(
      Secret refresh, MintRefreshToken({session.id, next}, attempt.keys->mac_kid, *attempt.keys));
  const storage::SessionRotation rotation{session.id,
                                          session.generation,
                                          attempt.keys->mac_kid,
                                          attempt.now,
                                          std::max(session.access_until, access.expires_at),
                                          issuer_.IdleEnd(session, attempt.now),
                                          attempt.call.peer};
  TESSERA_ASSIGN_OR_RETURN(const bool moved, RotateRow(attempt, rotation));
  if (!moved) return std::nullopt;
  Log("session.renewed", attempt, session);
  return GrantOf(std::move(access), std::move(refresh), rotation.idle_expires_at, session.id);
}

// False: somebody else has moved or ended the session. A run that finds this very step in the row
// follows one that was committed and whose answer was lost: judged again, it would look like reuse
// once the grace is over. The first run has no step of its own to find, so that of two who come at
// the same instant only one has taken it.
absl::StatusOr<bool> Renewal::RotateRow(const Attempt& attempt,
                                        const storage::SessionRotation& step) const {
  bool moved = false;
  bool ran_before = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline,
      [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(moved, in.sessions.Rotate(step));
        if (!moved && ran_before) {
          TESSERA_ASSIGN_OR_RETURN(const std::optional<Session> row, in.sessions.Find(step.id));
          moved = row.has_value() && IsStepOf(step, *row);
        }
        ran_before = true;
        return absl::OkStatus();
      }));
  return moved;
}

// A further access token of a generation, which the row has to cover before it is given out. False:
// the session has moved on or was ended.
absl::StatusOr<bool> Renewal::ExtendRow(const Attempt& attempt,
                                        const storage::AccessExtension& extension) const {
  bool covered = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(covered, in.sessions.ExtendAccess(extension));
        return absl::OkStatus();
      }));
  return covered;
}

// The same successor, derived again with the key that its generation was minted with, and an access
// token of its own.
Renewal::Outcome Renewal::ReplayStep(const Attempt& attempt, const Standing& seen) const {
  const Session& session = seen.session;
  TESSERA_ASSIGN_OR_RETURN(TokenIssuer::AccessToken access,
                           Sign(attempt, seen, session.generation));
  TESSERA_ASSIGN_OR_RETURN(Secret refresh, MintRefreshToken({session.id, session.generation},
                                                            session.mac_kid, *attempt.keys));
  const storage::AccessExtension extension{session.id, session.generation, access.expires_at,
                                           std::nullopt, attempt.now};
  TESSERA_ASSIGN_OR_RETURN(const bool covered, ExtendRow(attempt, extension));
  if (!covered) return std::nullopt;
  Log("renewal.grace_replay", attempt, session);
  return GrantOf(std::move(access), std::move(refresh), session.idle_expires_at, session.id);
}

Renewal::Outcome Renewal::Extend(const Attempt& attempt, const Standing& seen) const {
  const Session& session = seen.session;
  TESSERA_ASSIGN_OR_RETURN(TokenIssuer::AccessToken access,
                           Sign(attempt, seen, session.generation));
  const storage::AccessExtension extension{session.id, session.generation, access.expires_at,
                                           issuer_.IdleEnd(session, attempt.now), attempt.now};
  TESSERA_ASSIGN_OR_RETURN(const bool covered, ExtendRow(attempt, extension));
  if (!covered) return std::nullopt;
  Log("session.access_renewed", attempt, session);
  return GrantOf(std::move(access), Secret(), *extension.idle_expires_at, session.id);
}

// The refusal is made behind the transaction, so that what revokes is committed. The view follows
// at once; if it cannot, the feed brings it.
absl::Status Renewal::EndForTheft(const Attempt& attempt, const Standing& seen,
                                  std::string_view event) const {
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, attempt.call.deadline, [&](storage::Repositories& in) {
        return EndSessionIn(in, attempt.claim.session_id, attempt.now).status();
      }));
  parts_.feed.CatchUp(attempt.call.deadline).IgnoreError();
  Log(event, attempt, seen.session);
  return Unauthenticated(reason::kRefreshReused,
                         "the refresh token had been replaced, or came without its access token: "
                         "its session has been ended");
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
  ReportLoss(attempt, *behind);
  return SessionEnded();
}

// An error: a store that was restored or failed over with a loss is to be told (`tessera store
// restored`).
void Renewal::ReportLoss(const Attempt& attempt, const Session& behind) const {
  parts_.log.Error("renewal.store_went_back",
                   {{"session", behind.id.str()},
                    {"user", behind.user_id.str()},
                    {"generation", absl::StrCat(attempt.claim.generation)},
                    {"row", absl::StrCat(behind.generation)},
                    {"count", absl::StrCat(++went_back_)},
                    {"peer", attempt.call.peer}});
}

void Renewal::Log(std::string_view event, const Attempt& attempt, const Session& session) const {
  const bool routine = event == "session.renewed" || event == "session.access_renewed";
  parts_.log.Write({routine ? Severity::kInfo : Severity::kWarning,
                    event,
                    {{"session", session.id.str()},
                     {"user", session.user_id.str()},
                     {"generation", absl::StrCat(attempt.claim.generation)},
                     {"row", absl::StrCat(session.generation)},
                     {"peer", attempt.call.peer}}});
}

}  // namespace tessera::server
