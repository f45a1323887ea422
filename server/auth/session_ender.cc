#include "server/auth/session_ender.h"

#include <optional>
#include <string>
#include <utility>

#include "server/auth/revocation_feed.h"
#include "server/auth/revocations.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

namespace {

// Revokes the row; what the feed has to say of it, absent if it had ended before or is gone.
absl::StatusOr<std::optional<storage::Revocation>> RevokeRow(storage::Repositories& repositories,
                                                             const SessionId& id, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const bool ended, repositories.sessions.Revoke(id, now));
  if (!ended) return std::optional<storage::Revocation>();
  TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::Session> session,
                           repositories.sessions.Find(id));
  if (!session.has_value()) return absl::InternalError("a session vanished while it was ended");
  return std::optional(RevokeSessionEntry(id, session->access_until));
}

}  // namespace

absl::StatusOr<bool> EndSessionIn(storage::Repositories& repositories, const SessionId& id,
                                  absl::Time now,
                                  const std::function<absl::Status()>& before_feed) {
  TESSERA_ASSIGN_OR_RETURN(const auto entry, RevokeRow(repositories, id, now));
  if (!entry.has_value()) return false;
  if (before_feed) TESSERA_RETURN_IF_ERROR(before_feed());
  TESSERA_RETURN_IF_ERROR(repositories.revocations.Append({*entry}));
  return true;
}

absl::StatusOr<EndedSessions> EndOtherSessionsIn(storage::Repositories& repositories,
                                                 const UserId& user, const SessionId& kept,
                                                 absl::Time now) {
  // A session ends idle at the earliest when its last access token was issued.
  const absl::Time since = now - kMaxAccessTtl - kRevocationSlack;
  TESSERA_ASSIGN_OR_RETURN(const std::vector<storage::Session> sessions,
                           repositories.sessions.ListLive(user, since, SessionId(), kEndBatch + 1));
  EndedSessions ended;
  for (const storage::Session& session : sessions) {
    if (session.id == kept || ended.entries.size() == static_cast<size_t>(kEndBatch)) continue;
    TESSERA_ASSIGN_OR_RETURN(const auto entry, RevokeRow(repositories, session.id, now));
    if (!entry.has_value()) continue;
    ended.entries.push_back(*entry);
    if (now < session.idle_expires_at && now < session.expires_at) ended.live.push_back(session.id);
  }
  ended.more = sessions.size() > static_cast<size_t>(kEndBatch);
  return ended;
}

absl::Status SessionEnder::End(const CallInfo& call, const SessionId& id,
                               std::string_view why) const {
  const absl::Time now = RowTime(parts_.clock.Now());
  bool ended = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, call.deadline, [&](storage::Repositories& repositories) {
        TESSERA_ASSIGN_OR_RETURN(const bool lived, EndSessionIn(repositories, id, now));
        ended = ended || lived;  // a second run, behind a COMMIT without an answer, finds it ended
        return absl::OkStatus();
      }));
  if (ended) {
    parts_.log.Info("session.ended",
                    {{"session", id.str()}, {"cause", std::string(why)}, {"peer", call.peer}});
  }
  return parts_.feed.CatchUp(call.deadline);
}

}  // namespace tessera::server
