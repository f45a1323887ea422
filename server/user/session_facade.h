// Sessions as their users see them: listing and ending, without gRPC.
#ifndef TESSERA_SERVER_USER_SESSION_FACADE_H_
#define TESSERA_SERVER_USER_SESSION_FACADE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/audit/audit_trail.h"
#include "server/auth/revocation_feed.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/guard/principal.h"

namespace tessera::server {

// Whose sessions, and which page of them. `user` empty: the caller's own.
struct SessionsAsked {
  UserId user;
  int page_size = 0;
  std::string page_token;
};

// Whose sessions to end. `user` empty: the caller's own.
struct SessionsToEnd {
  UserId user;
  bool keep_current = false;
};

// Thread-safe. Every method blocks on the store. `caller` is whom the guard admitted: users see and
// end their own sessions, who has `tessera.admin` anybody's. Nobody else learns whether a user or
// a session exists. Service accounts have no sessions.
class SessionFacade {
 public:
  // All references must outlive the facade.
  struct Parts {
    storage::Store& store;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    AuditTrail& audit;
  };
  explicit SessionFacade(Parts parts) : parts_(parts) {}

  struct Page {
    std::vector<storage::Session> sessions;  // the newest first
    SessionId current;                       // the one that asks; it need not be among them
    std::string next_page_token;             // empty on the last page
  };
  // Those that live. PERMISSION_DENIED ROLE_REQUIRED: another user's. FIELD_INVALID: as
  // UserFacade::List.
  absl::StatusOr<Page> List(const CallInfo& call, const Principal& caller,
                            const SessionsAsked& asked) const;

  // NOT_FOUND SESSION_NOT_FOUND: none of the caller's. OK if it has ended already. On OK the end is
  // durable and in this replica's view. An administrator's power is asked for again in the
  // transaction, as everywhere (UserFacade).
  absl::Status Revoke(const CallInfo& call, const Principal& caller, const SessionId& id) const;

  // How many of those that it ended lived. All: raises the user's version, so that a login or a
  // renewal that is under way does not end well either. `keep_current`: ends the others one by one,
  // in bounded transactions; a login that comes behind the last of them stays. PERMISSION_DENIED
  // CALLER_KIND: a service account's own; ROLE_REQUIRED: another user's. FIELD_INVALID:
  // keep_current with another user. USER_NOT_FOUND. UNAUTHENTICATED TOKEN_REVOKED, and nothing is
  // written: all the caller's own had been ended, after the guard admitted this call.
  absl::StatusOr<int64_t> RevokeAll(const CallInfo& call, const Principal& caller,
                                    const SessionsToEnd& which) const;

 private:
  absl::StatusOr<UserId> TargetOf(const CallInfo& call, const Principal& caller,
                                  const UserId& asked) const;
  absl::StatusOr<bool> MayEnd(const CallInfo& call, const Principal& caller,
                              const SessionId& id) const;
  absl::StatusOr<int64_t> EndEvery(const CallInfo& call, const Principal& caller,
                                   const UserId& user) const;
  absl::StatusOr<int64_t> EndOthers(const CallInfo& call, const Principal& caller) const;
  void LogRefusal(const CallInfo& call, const Principal& caller, const absl::Status& why) const;

  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_SESSION_FACADE_H_
