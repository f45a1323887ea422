// The session methods' messages, from and to what SessionFacade takes and gives.
#ifndef TESSERA_SERVER_RPC_SESSION_WIRE_H_
#define TESSERA_SERVER_RPC_SESSION_WIRE_H_

#include "absl/status/statusor.h"
#include "server/user/session_facade.h"
#include "tessera/base/ids.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::server {

// INVALID_ARGUMENT FIELD_INVALID: a field that is missing or out of bounds.
absl::StatusOr<SessionsAsked> Parse(const v1::ListSessionsRequest& request);
absl::StatusOr<SessionId> Parse(const v1::RevokeSessionRequest& request);
absl::StatusOr<SessionsToEnd> Parse(const v1::RevokeAllSessionsRequest& request);

void Write(const SessionFacade::Page& page, v1::ListSessionsResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_SESSION_WIRE_H_
