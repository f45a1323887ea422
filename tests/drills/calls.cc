#include "tests/drills/calls.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tessera/caller/reason.h"

namespace tessera::testing {
namespace {

// Who gives no clear answer for so long is not coming back.
constexpr absl::Duration kClearLimit = absl::Minutes(1);
constexpr useconds_t kPauseMicros = 20'000;

}  // namespace

// UNKNOWN without a reason is what gRPC makes of a connection that broke in the middle.
bool Answer::open() const {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return true;
    case grpc::StatusCode::UNKNOWN:
      return reason().empty();
    default:
      return false;
  }
}

std::string Answer::reason() const { return ReasonOf(status); }

std::string Answer::Text() const {
  return absl::StrCat("code ", static_cast<int>(status.error_code()), " ", status.error_message());
}

Answer AskUntilClear(absl::FunctionRef<Answer()> ask) {
  const absl::Time limit = SystemClock().Now() + kClearLimit;
  Answer answer = ask();
  while (answer.open() && SystemClock().Now() < limit) {
    usleep(kPauseMicros);
    answer = ask();
  }
  return answer;
}

Calls::Calls(std::shared_ptr<grpc::Channel> channel, absl::Duration limit)
    : auth_(v1::AuthService::NewStub(channel)),
      users_(v1::UserService::NewStub(channel)),
      limit_(limit) {}

std::unique_ptr<grpc::ClientContext> Calls::Context(const std::string& token) const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
  context->set_deadline(absl::ToChronoTime(SystemClock().Now() + limit_));
  return context;
}

Answer Calls::Login(const std::string& username, const std::string& password,
                    const std::string& audience, v1::TokenGrant& grant) const {
  v1::LoginRequest request;
  request.set_username(username);
  request.set_password(password);
  request.set_audience(audience);
  v1::LoginResponse response;
  Answer answer{auth_->Login(Context().get(), request, &response)};
  if (answer.done()) grant = response.grant();
  return answer;
}

Answer Calls::Renew(const std::string& refresh_token, v1::TokenGrant& grant) const {
  v1::RenewTokenRequest request;
  request.set_refresh_token(refresh_token);
  v1::RenewTokenResponse response;
  Answer answer{auth_->RenewToken(Context().get(), request, &response)};
  if (answer.done()) grant = response.grant();
  return answer;
}

Answer Calls::Revoke(const std::string& token) const {
  v1::RevokeTokenRequest request;
  request.set_token(token);
  v1::RevokeTokenResponse response;
  return {auth_->RevokeToken(Context().get(), request, &response)};
}

Answer Calls::Validate(const std::string& token, v1::ValidateTokenResponse& known) const {
  v1::ValidateTokenRequest request;
  request.set_token(token);
  return {auth_->ValidateToken(Context().get(), request, &known)};
}

Answer Calls::Jwks(std::string& json) const {
  v1::GetJwksResponse response;
  Answer answer{auth_->GetJwks(Context().get(), {}, &response)};
  if (answer.done()) json = response.jwks_json();
  return answer;
}

Answer Calls::CreateUser(const std::string& admin, const std::string& username,
                         const std::string& password, std::string& id) const {
  v1::CreateUserRequest request;
  request.mutable_user()->set_username(username);
  request.set_password(password);
  v1::CreateUserResponse response;
  Answer answer{users_->CreateUser(Context(admin).get(), request, &response)};
  if (answer.done()) id = response.user().id();
  return answer;
}

Answer Calls::FindUser(const std::string& admin, const std::string& username,
                       std::string& id) const {
  v1::GetUserRequest request;
  request.set_username(username);
  v1::GetUserResponse response;
  Answer answer{users_->GetUser(Context(admin).get(), request, &response)};
  if (answer.done()) id = response.user().id();
  return answer;
}

Answer Calls::CreateRole(const std::string& admin, const std::string& role) const {
  v1::CreateRoleRequest request;
  request.mutable_role()->set_name(role);
  v1::CreateRoleResponse response;
  return {users_->CreateRole(Context(admin).get(), request, &response)};
}

Answer Calls::GrantRole(const std::string& admin, const std::string& user_id,
                        const std::string& role) const {
  v1::GrantRoleRequest request;
  request.set_role(role);
  request.set_user_id(user_id);
  v1::GrantRoleResponse response;
  return {users_->GrantRole(Context(admin).get(), request, &response)};
}

Answer Calls::HoldsRole(const std::string& admin, const std::string& user_id,
                        const std::string& role, bool& holds) const {
  v1::LookupRolesRequest request;
  request.set_user_id(user_id);
  v1::LookupRolesResponse response;
  Answer answer{users_->LookupRoles(Context(admin).get(), request, &response)};
  holds = std::any_of(response.roles().begin(), response.roles().end(),
                      [&](const auto& held) { return held.role().name() == role; });
  return answer;
}

}  // namespace tessera::testing
