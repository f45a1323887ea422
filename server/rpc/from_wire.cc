#include "server/rpc/from_wire.h"

#include <string_view>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// A role cannot be limited to more audiences.
constexpr int kMaxAudiences = 64;

absl::Status CheckBounded(std::string_view field, std::string_view value) {
  if (value.size() > kMaxTextBytes) return FieldInvalid(field, "at most 1,024 bytes");
  return absl::OkStatus();
}

absl::Status CheckPresent(std::string_view field, std::string_view value) {
  if (value.empty()) return FieldInvalid(field, "required");
  return CheckBounded(field, value);
}

// A token may be of any size: a token that is too long is judged as a token.
absl::StatusOr<Secret> Token(std::string_view field, std::string_view value) {
  if (value.empty()) return FieldInvalid(field, "required");
  return Secret::CopyOf(value);
}

// A password may be too long for a name: the facades know its limits.
absl::StatusOr<Secret> Password(std::string_view field, std::string_view value) {
  if (value.empty()) return FieldInvalid(field, "required");
  return Secret::CopyOf(value);
}

absl::StatusOr<storage::UserState> State(v1::UserState state,
                                         std::string_view field = "user.state") {
  switch (state) {
    case v1::USER_STATE_ACTIVE:
      return storage::UserState::kActive;
    case v1::USER_STATE_DISABLED:
      return storage::UserState::kDisabled;
    default:
      return FieldInvalid(field, "USER_STATE_ACTIVE or USER_STATE_DISABLED");
  }
}

// What names, how many and how long they may be is for the facades to say.
template <typename Map>
NamedTexts Texts(const Map& map) {
  return {map.begin(), map.end()};
}

absl::Status TakePath(const std::string& path, const v1::User& user, UserChange& change) {
  if (path == "username") {
    change.username = user.username();
    return CheckPresent("user.username", user.username());
  }
  if (path == "email") {
    change.email = user.email();
    return CheckBounded("user.email", user.email());
  }
  if (path == "display_name") {
    change.display_name = user.display_name();
    return CheckBounded("user.display_name", user.display_name());
  }
  if (path == "state") {
    TESSERA_ASSIGN_OR_RETURN(change.state, State(user.state()));
    return absl::OkStatus();
  }
  if (path == "attributes") {
    change.attributes = Texts(user.attributes());
    return absl::OkStatus();
  }
  return FieldInvalid("update_mask", "username, email, display_name, state, attributes");
}

template <typename Request>
absl::StatusOr<CreateUserInput> ParseCreation(const Request& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("request_id", request.request_id()));
  CreateUserInput input;
  TESSERA_ASSIGN_OR_RETURN(input.user, ParseNewUser(request.user()));
  input.user.request_id = request.request_id();
  TESSERA_ASSIGN_OR_RETURN(input.password, Password("password", request.password()));
  return input;
}

template <typename Request>
absl::StatusOr<PageInput> ParsePage(const Request& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("page_token", request.page_token()));
  return PageInput{request.page_size(), request.page_token()};
}

template <typename Request>
absl::StatusOr<GrantInput> ParseGrant(const Request& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("role", request.role()));
  switch (request.grantee_case()) {
    case Request::kUserId:
      TESSERA_RETURN_IF_ERROR(CheckPresent("user_id", request.user_id()));
      return GrantInput{request.role(), UserId(request.user_id()), ""};
    case Request::kGroup:
      TESSERA_RETURN_IF_ERROR(CheckPresent("group", request.group()));
      return GrantInput{request.role(), UserId(), request.group()};
    default:
      return FieldInvalid("user_id", "user_id or group");
  }
}

}  // namespace

absl::StatusOr<LoginInput> Parse(const v1::LoginRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("device_id", request.device_id()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("device_label", request.device_label()));
  TESSERA_RETURN_IF_ERROR(CheckPresent("username", request.username()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("audience", request.audience()));
  TESSERA_ASSIGN_OR_RETURN(Secret password, Password("password", request.password()));
  LoginInput input{request.username(), std::move(password), request.audience()};
  TESSERA_RETURN_IF_ERROR(CheckBounded("device_proof", request.device_proof()));
  input.device_proof = Secret::CopyOf(request.device_proof());
  input.terms.device_id = request.device_id();
  input.terms.device_label = request.device_label();
  input.terms.bind_certificate = request.bind_certificate();
  input.terms.include_groups = request.include_groups();
  input.terms.scopes = {request.scopes().begin(), request.scopes().end()};
  input.terms.claims = Texts(request.claims());
  return input;
}

absl::StatusOr<RenewalInput> Parse(const v1::RenewTokenRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("device_id", request.device_id()));
  return RenewalInput{Secret::CopyOf(request.refresh_token()),
                      Secret::CopyOf(request.access_token()), request.device_id()};
}

absl::StatusOr<Secret> Parse(const v1::LogoutRequest& request) {
  return Secret::CopyOf(request.refresh_token());
}

absl::StatusOr<Secret> Parse(const v1::ValidateTokenRequest& request) {
  return Token("token", request.token());
}

absl::StatusOr<Secret> Parse(const v1::RevokeTokenRequest& request) {
  return Token("token", request.token());
}

absl::StatusOr<NewUser> ParseNewUser(const v1::User& user) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("user.username", user.username()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("user.email", user.email()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("user.display_name", user.display_name()));
  NewUser input;
  input.username = user.username();
  input.email = user.email();
  input.display_name = user.display_name();
  input.attributes = Texts(user.attributes());
  if (user.state() != v1::USER_STATE_UNSPECIFIED) {
    TESSERA_ASSIGN_OR_RETURN(input.state, State(user.state()));
  }
  return input;
}

absl::StatusOr<CreateUserInput> Parse(const v1::CreateUserRequest& request) {
  return ParseCreation(request);
}

absl::StatusOr<CreateUserInput> Parse(const v1::RegisterUserRequest& request) {
  if (request.user().state() != v1::USER_STATE_UNSPECIFIED) {
    return FieldInvalid("user.state", "nothing: an administrator says it");
  }
  return ParseCreation(request);
}

absl::StatusOr<UserKey> KeyOfId(const std::string& id) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("user_id", id));
  return UserKey(UserId(id));
}

absl::StatusOr<UserKey> KeyOfName(const std::string& name) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("username", name));
  return UserKey(name);
}

absl::StatusOr<UserKey> KeyOfEmail(const std::string& email) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("email", email));
  return UserKey(ByEmail{email});
}

absl::StatusOr<UserKey> Parse(const v1::GetUserRequest& request) { return ParseWho(request); }

absl::StatusOr<UserKey> Parse(const v1::LookupRolesRequest& request) { return ParseWho(request); }

absl::StatusOr<UserChange> Parse(const v1::UpdateUserRequest& request) {
  const v1::User& user = request.user();
  TESSERA_RETURN_IF_ERROR(CheckPresent("user.id", user.id()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("user.etag", user.etag()));
  if (request.update_mask().paths().empty()) return FieldInvalid("update_mask", "required");
  UserChange change;
  change.id = UserId(user.id());
  change.etag = user.etag();
  for (const std::string& path : request.update_mask().paths()) {
    TESSERA_RETURN_IF_ERROR(TakePath(path, user, change));
  }
  return change;
}

absl::StatusOr<DeleteUserInput> Parse(const v1::DeleteUserRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("user_id", request.user_id()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("etag", request.etag()));
  return DeleteUserInput{UserId(request.user_id()), request.etag()};
}

absl::StatusOr<PasswordChange> Parse(const v1::ChangePasswordRequest& request) {
  PasswordChange change;
  TESSERA_ASSIGN_OR_RETURN(change.old_password, Password("old_password", request.old_password()));
  TESSERA_ASSIGN_OR_RETURN(change.new_password, Password("new_password", request.new_password()));
  return change;
}

absl::StatusOr<ListUsersInput> Parse(const v1::ListUsersRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("username_prefix", request.username_prefix()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("role", request.role()));
  ListUsersInput input;
  TESSERA_ASSIGN_OR_RETURN(input.page, ParsePage(request));
  input.listing.username_prefix = request.username_prefix();
  input.listing.role = request.role();
  if (request.state() != v1::USER_STATE_UNSPECIFIED) {
    TESSERA_ASSIGN_OR_RETURN(input.listing.state, State(request.state(), "state"));
  }
  return input;
}

absl::StatusOr<PageInput> Parse(const v1::ListRolesRequest& request) { return ParsePage(request); }

absl::StatusOr<NewRole> Parse(const v1::CreateRoleRequest& request) {
  const v1::Role& role = request.role();
  TESSERA_RETURN_IF_ERROR(CheckPresent("role.name", role.name()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("role.description", role.description()));
  if (role.audiences_size() > kMaxAudiences) return FieldInvalid("role.audiences", "at most 64");
  NewRole input{role.name(), role.description(), {}};
  for (const std::string& audience : role.audiences()) {
    TESSERA_RETURN_IF_ERROR(CheckPresent("role.audiences", audience));
    input.audiences.push_back(audience);
  }
  return input;
}

absl::StatusOr<std::string> Parse(const v1::DeleteRoleRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("role", request.role()));
  return request.role();
}

absl::StatusOr<GrantInput> Parse(const v1::GrantRoleRequest& request) {
  return ParseGrant(request);
}

absl::StatusOr<GrantInput> Parse(const v1::RevokeRoleRequest& request) {
  return ParseGrant(request);
}

}  // namespace tessera::server
