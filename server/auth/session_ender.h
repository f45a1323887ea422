// Ends sessions, durably and everywhere.
#ifndef TESSERA_SERVER_AUTH_SESSION_ENDER_H_
#define TESSERA_SERVER_AUTH_SESSION_ENDER_H_

#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/auth_facade.h"
#include "storage/store.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// Sessions that one transaction ends one by one, at most.
inline constexpr int kEndBatch = 100;

// Revokes the session's row and appends its feed entry; false if it had ended before or is gone.
// Call it last in a transaction. The row is locked first, so that no renewal moves access_until
// between reading and writing it. `before_feed`: what else belongs to the end of one that lived.
absl::StatusOr<bool> EndSessionIn(storage::Repositories& repositories, const SessionId& id,
                                  absl::Time now,
                                  const std::function<absl::Status()>& before_feed = {});

// What one step of ending many has done.
struct EndedSessions {
  std::vector<SessionId> live;               // those that lived until then
  std::vector<storage::Revocation> entries;  // for the feed, be it of some that did not
  bool more = false;                         // there may be others left
};
// Revokes the rows of up to kEndBatch of the user's sessions, the newest first, but for `kept`:
// those that live at `now`, and those that have ended by themselves so lately that an access token
// of theirs may not have. The caller appends the entries, last in the transaction.
absl::StatusOr<EndedSessions> EndOtherSessionsIn(storage::Repositories& repositories,
                                                 const UserId& user, const SessionId& kept,
                                                 absl::Time now);

// Thread-safe, immutable.
class SessionEnder {
 public:
  explicit SessionEnder(AuthFacade::Parts parts) : parts_(parts) {}

  // Ends the session if it lives; ended already or gone is OK. On OK the end is durable and in this
  // replica's view. `why` goes to the log: `session.ended cause=...`. Blocks on the store.
  absl::Status End(const CallInfo& call, const SessionId& id, std::string_view why) const;

 private:
  AuthFacade::Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SESSION_ENDER_H_
