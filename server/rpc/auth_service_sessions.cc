#include <cstdint>
#include <memory>

#include "server/rpc/auth_service.h"
#include "server/rpc/session_wire.h"

namespace tessera::server {

AuthService::Reactor* AuthService::ListSessions(Context* context,
                                                const v1::ListSessionsRequest* request,
                                                v1::ListSessionsResponse* response) {
  const SessionFacade& sessions = parts_.sessions;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&sessions, caller = parts_.guard.PrincipalOf(*context)](const CallInfo& call,
                                                                   const SessionsAsked& asked) {
            return sessions.List(call, *caller, asked);
          })
      .Answer([response](const SessionFacade::Page& page) { Write(page, response); });
}

AuthService::Reactor* AuthService::RevokeSession(Context* context,
                                                 const v1::RevokeSessionRequest* request,
                                                 v1::RevokeSessionResponse*) {
  const SessionFacade& sessions = parts_.sessions;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.urgent,
          [&sessions, caller = parts_.guard.PrincipalOf(*context)](const CallInfo& call,
                                                                   const SessionId& id) {
            return sessions.Revoke(call, *caller, id);
          })
      .Answer([](const Nothing&) {});
}

AuthService::Reactor* AuthService::RevokeAllSessions(Context* context,
                                                     const v1::RevokeAllSessionsRequest* request,
                                                     v1::RevokeAllSessionsResponse* response) {
  const SessionFacade& sessions = parts_.sessions;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.urgent,
          [&sessions, caller = parts_.guard.PrincipalOf(*context)](const CallInfo& call,
                                                                   const SessionsToEnd& which) {
            return sessions.RevokeAll(call, *caller, which);
          })
      .Answer([response](int64_t count) { response->set_revoked_count(count); });
}

}  // namespace tessera::server
