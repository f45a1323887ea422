// Requests as the facades take them. INVALID_ARGUMENT FIELD_INVALID: a field that is missing or out
// of bounds. INVALID_ARGUMENT FIELD_UNSUPPORTED: a field that is declared but not served yet is
// set.
#ifndef TESSERA_SERVER_RPC_FROM_WIRE_H_
#define TESSERA_SERVER_RPC_FROM_WIRE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/auth/auth_facade.h"
#include "server/user/role_facade.h"
#include "server/user/user_facade.h"
#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/v1/auth_service.pb.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

// No name, id, etag or description in a request is longer.
inline constexpr size_t kMaxTextBytes = 1024;

absl::StatusOr<LoginInput> Parse(const v1::LoginRequest& request);
// A token may be missing where a cookie may bring it.
absl::StatusOr<RenewalInput> Parse(const v1::RenewTokenRequest& request);
// The refresh token; empty likewise.
absl::StatusOr<Secret> Parse(const v1::LogoutRequest& request);
// The token.
absl::StatusOr<Secret> Parse(const v1::ValidateTokenRequest& request);
absl::StatusOr<Secret> Parse(const v1::RevokeTokenRequest& request);

struct CreateUserInput {
  NewUser user;
  Secret password;
};
absl::StatusOr<CreateUserInput> Parse(const v1::CreateUserRequest& request);
absl::StatusOr<CreateUserInput> Parse(const v1::RegisterUserRequest& request);
// A user who is to be added, without a password; what is output only is not looked at.
absl::StatusOr<NewUser> ParseNewUser(const v1::User& user);

absl::StatusOr<UserKey> KeyOfId(const std::string& id);
absl::StatusOr<UserKey> KeyOfName(const std::string& name);
absl::StatusOr<UserKey> KeyOfEmail(const std::string& email);
// Of a request with `oneof who`.
template <typename Request>
absl::StatusOr<UserKey> ParseWho(const Request& request) {
  switch (request.who_case()) {
    case Request::kUserId:
      return KeyOfId(request.user_id());
    case Request::kUsername:
      return KeyOfName(request.username());
    case Request::kEmail:
      return KeyOfEmail(request.email());
    default:
      return FieldInvalid("user_id", "user_id, username or email");
  }
}
absl::StatusOr<UserKey> Parse(const v1::GetUserRequest& request);
absl::StatusOr<UserKey> Parse(const v1::LookupRolesRequest& request);
absl::StatusOr<UserChange> Parse(const v1::UpdateUserRequest& request);

struct DeleteUserInput {
  UserId id;
  std::string etag;
};
absl::StatusOr<DeleteUserInput> Parse(const v1::DeleteUserRequest& request);
// Without the user's id, which is the caller's.
absl::StatusOr<PasswordChange> Parse(const v1::ChangePasswordRequest& request);

struct PageInput {
  int size = 0;
  std::string token;
};
struct ListUsersInput {
  UserListing listing;
  PageInput page;
};
absl::StatusOr<ListUsersInput> Parse(const v1::ListUsersRequest& request);
absl::StatusOr<PageInput> Parse(const v1::ListRolesRequest& request);

absl::StatusOr<NewRole> Parse(const v1::CreateRoleRequest& request);
// The role's name.
absl::StatusOr<std::string> Parse(const v1::DeleteRoleRequest& request);

// To or from a user, or a group by its name; the other one is empty.
struct GrantInput {
  std::string role;
  UserId user;
  std::string group;
};
absl::StatusOr<GrantInput> Parse(const v1::GrantRoleRequest& request);
absl::StatusOr<GrantInput> Parse(const v1::RevokeRoleRequest& request);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_FROM_WIRE_H_
