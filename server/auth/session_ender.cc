#include "server/auth/session_ender.h"

#include <optional>
#include <string>

#include "server/auth/revocation_feed.h"
#include "server/auth/revocations.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

absl::StatusOr<bool> EndSessionIn(storage::Repositories& repositories, const SessionId& id,
                                  absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const bool ended, repositories.sessions.Revoke(id, now));
  if (!ended) return false;
  TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::Session> session,
                           repositories.sessions.Find(id));
  if (!session.has_value()) return absl::InternalError("a session vanished while it was ended");
  TESSERA_RETURN_IF_ERROR(
      repositories.revocations.Append({RevokeSessionEntry(id, session->access_until)}));
  return true;
}

absl::Status SessionEnder::End(const CallInfo& call, const SessionId& id,
                               std::string_view why) const {
  const absl::Time now = RowTime(parts_.clock.Now());
  bool ended = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, call.deadline, [&](storage::Repositories& repositories) {
        TESSERA_ASSIGN_OR_RETURN(ended, EndSessionIn(repositories, id, now));
        return absl::OkStatus();
      }));
  if (ended) {
    parts_.log.Info("session.ended",
                    {{"session", id.str()}, {"cause", std::string(why)}, {"peer", call.peer}});
  }
  return parts_.feed.CatchUp(call.deadline);
}

}  // namespace tessera::server
