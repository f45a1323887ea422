#include "server/auth/session_beginner.h"

#include <string>

#include "server/auth/revocation_feed.h"
#include "server/auth/session_ender.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::Status EndOthers(storage::Repositories& in, const storage::Session& session,
                       std::vector<SessionId>& ended) {
  for (bool more = true; more;) {
    TESSERA_ASSIGN_OR_RETURN(
        const EndedSessions some,
        EndOtherSessionsIn(in, session.user_id, session.id, session.created_at));
    ended.insert(ended.end(), some.live.begin(), some.live.end());
    more = some.more;
  }
  return absl::OkStatus();
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
  std::vector<SessionId> ended;
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
        ended.clear();
        TESSERA_RETURN_IF_ERROR(in.sessions.Insert(session));
        return alone_ ? EndOthers(in, session, ended) : absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(begun);
  TellOfEnded(call, session, ended);
  return admitted;
}

// The view follows at once; if it cannot, the feed brings it.
void SessionBeginner::TellOfEnded(const CallInfo& call, const storage::Session& session,
                                  const std::vector<SessionId>& ended) const {
  if (ended.empty()) return;
  parts_.feed.CatchUp(call.deadline).IgnoreError();
  for (const SessionId& id : ended) {
    parts_.log.Info("session.ended", {{"session", id.str()},
                                      {"user", session.user_id.str()},
                                      {"cause", "other_login"},
                                      {"peer", call.peer}});
  }
}

}  // namespace tessera::server
