#include "server/auth/session_beginner.h"

#include <string>

#include "server/auth/revocation_feed.h"
#include "server/auth/session_ender.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// The feed is written once and last: its lock holds up every other revocation.
absl::StatusOr<EndedSessions> EndOthers(storage::Repositories& in,
                                        const storage::Session& session) {
  EndedSessions all;
  all.more = true;
  while (all.more) {
    TESSERA_ASSIGN_OR_RETURN(
        const EndedSessions some,
        EndOtherSessionsIn(in, session.user_id, session.id, session.created_at));
    all.live.insert(all.live.end(), some.live.begin(), some.live.end());
    all.entries.insert(all.entries.end(), some.entries.begin(), some.entries.end());
    all.more = some.more;
  }
  TESSERA_RETURN_IF_ERROR(in.revocations.Append(all.entries));
  return all;
}

// Refused, the whole transaction is taken back.
absl::Status UseUpFactor(storage::Repositories& in, const VerifiedLogin& login) {
  if (!login.factor().has_value()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const bool mine, login.factor()->UseUpIn(in));
  return mine ? absl::OkStatus() : CodeWrong();
}

}  // namespace

// RecordLogin comes first: it locks the user's row, so that a disable or a new password is before
// it (and refuses the login) or behind it (and ends the session), and so is another login. A
// session that is there already means that this is the second run of a write whose COMMIT got no
// answer: a login that came between the two may have ended it, and must not be ended for that.
absl::StatusOr<bool> SessionBeginner::Begin(const CallInfo& call, const VerifiedLogin& login,
                                            const storage::Session& session) const {
  const storage::User& user = login.user();
  bool admitted = false;
  EndedSessions ended;
  const absl::Status begun = parts_.store.Write(
      storage::Repeat::kIdempotent, call.deadline, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(admitted,
                                 in.users.RecordLogin(user.id, user.version, session.created_at));
        if (!admitted) return absl::OkStatus();
        if (login.upgraded_hash().has_value()) {
          TESSERA_RETURN_IF_ERROR(
              in.users.ReplaceHash(user.id, user.version, *login.upgraded_hash()).status());
        }
        TESSERA_ASSIGN_OR_RETURN(const auto there, in.sessions.Find(session.id));
        if (there.has_value()) return absl::OkStatus();
        TESSERA_RETURN_IF_ERROR(UseUpFactor(in, login));
        TESSERA_RETURN_IF_ERROR(in.sessions.Insert(session));
        if (!alone_) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(ended, EndOthers(in, session));
        return absl::OkStatus();
      });
  if (ReasonOf(begun) == reason::kCodeWrong) {
    parts_.log.Warning("login.refused", {{"reason", "used_code"},
                                         {"user", user.id.str()},
                                         {"audience", session.audience},
                                         {"peer", call.peer}});
  }
  TESSERA_RETURN_IF_ERROR(begun);
  TellOfEnded(call, session, ended);
  return admitted;
}

// The view follows at once; if it cannot, the feed brings it.
void SessionBeginner::TellOfEnded(const CallInfo& call, const storage::Session& session,
                                  const EndedSessions& ended) const {
  if (ended.entries.empty()) return;
  parts_.feed.CatchUp(call.deadline).IgnoreError();
  for (const SessionId& id : ended.live) {
    parts_.log.Info("session.ended", {{"session", id.str()},
                                      {"user", session.user_id.str()},
                                      {"cause", "other_login"},
                                      {"peer", call.peer}});
  }
}

}  // namespace tessera::server
