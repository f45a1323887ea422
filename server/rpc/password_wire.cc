#include "server/rpc/password_wire.h"

#include <string>
#include <string_view>

#include "server/auth/password_hasher.h"
#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::StatusOr<Secret> Bounded(std::string_view field, const std::string& text, size_t most) {
  if (text.empty()) return FieldInvalid(field, "required");
  if (text.size() > most) return FieldInvalid(field, "at most 1,024 bytes");
  return Secret::CopyOf(text);
}

}  // namespace

absl::StatusOr<UserId> Parse(const v1::ResetPasswordRequest& request) {
  if (request.user_id().empty()) return FieldInvalid("user_id", "required");
  if (request.user_id().size() > kMaxTextBytes) return FieldInvalid("user_id", "a user's id");
  return UserId(request.user_id());
}

absl::StatusOr<ResetInput> Parse(const v1::CompletePasswordResetRequest& request) {
  ResetInput input;
  TESSERA_ASSIGN_OR_RETURN(input.token,
                           Bounded("reset_token", request.reset_token(), kMaxTextBytes));
  TESSERA_ASSIGN_OR_RETURN(input.new_password,
                           Bounded("new_password", request.new_password(), kMaxPasswordBytes));
  return input;
}

void Write(const IssuedReset& reset, v1::ResetPasswordResponse* wire) {
  wire->set_reset_token(std::string(reset.token.Reveal()));
  Write(reset.expires_at, wire->mutable_expire_time());
}

}  // namespace tessera::server
