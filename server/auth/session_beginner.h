// Begins sessions: the transaction of a login.
#ifndef TESSERA_SERVER_AUTH_SESSION_BEGINNER_H_
#define TESSERA_SERVER_AUTH_SESSION_BEGINNER_H_

#include "absl/status/statusor.h"
#include "server/auth/auth_facade.h"
#include "server/auth/session_ender.h"
#include "storage/records.h"

namespace tessera::server {

// Thread-safe, immutable.
class SessionBeginner {
 public:
  // `alone`: a session that begins ends its user's others, in the same transaction. Of logins at
  // the same time, on whichever replicas, one is the last, and its session alone lives.
  SessionBeginner(AuthFacade::Parts parts, bool alone) : parts_(parts), alone_(alone) {}

  // Stores `session`; false: the user is not any more who the password was checked for, and nothing
  // was stored. Blocks on the store.
  absl::StatusOr<bool> Begin(const CallInfo& call, const VerifiedLogin& login,
                             const storage::Session& session) const;

 private:
  void TellOfEnded(const CallInfo& call, const storage::Session& session,
                   const EndedSessions& ended) const;

  AuthFacade::Parts parts_;
  bool alone_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SESSION_BEGINNER_H_
