// The messages of password resets, read and written.
#ifndef TESSERA_SERVER_RPC_PASSWORD_WIRE_H_
#define TESSERA_SERVER_RPC_PASSWORD_WIRE_H_

#include "absl/status/statusor.h"
#include "server/user/password_reset.h"
#include "tessera/base/ids.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

// INVALID_ARGUMENT FIELD_INVALID: a field that is missing or too long.
absl::StatusOr<UserId> Parse(const v1::ResetPasswordRequest& request);
absl::StatusOr<ResetInput> Parse(const v1::CompletePasswordResetRequest& request);

void Write(const IssuedReset& reset, v1::ResetPasswordResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_PASSWORD_WIRE_H_
