#include "server/rpc/from_wire.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// `REASON field`, as a refusal names them; empty if the request was taken.
template <typename Request>
std::string Refused(const Request& request) {
  const absl::Status status = Parse(request).status();
  return status.ok() ? "" : ReasonOf(status) + " " + FieldOf(status);
}

v1::LoginRequest Login() {
  v1::LoginRequest request;
  request.set_username("alice");
  request.set_password("secret");
  return request;
}

TEST(FromWire, LoginIsTakenAsItIs) {
  v1::LoginRequest request = Login();
  request.set_audience("orders");
  auto input = Parse(request);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->username, "alice");
  EXPECT_EQ(input->password.Reveal(), "secret");
  EXPECT_EQ(input->audience, "orders");
  EXPECT_EQ(input->terms.device_id + input->terms.device_label, "");
  EXPECT_FALSE(input->terms.bind_certificate);
}

// What they may be is for the facade to say; that they are no novels is not.
TEST(FromWire, WhatALoginBindsItsSessionToIsTakenAsItIs) {
  v1::LoginRequest request = Login();
  request.set_device_id("d");
  request.set_device_label("l");
  request.set_bind_certificate(true);
  const auto input = Parse(request);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->terms.device_id, "d");
  EXPECT_EQ(input->terms.device_label, "l");
  EXPECT_TRUE(input->terms.bind_certificate);
  request.set_device_id(std::string(kMaxTextBytes + 1, 'd'));
  EXPECT_EQ(Refused(request), "FIELD_INVALID device_id");
  request.clear_device_id();
  request.set_device_label(std::string(kMaxTextBytes + 1, 'd'));
  EXPECT_EQ(Refused(request), "FIELD_INVALID device_label");
}

TEST(FromWire, WhatALoginAsksForItsTokensIsTakenAsItIs) {
  v1::LoginRequest request = Login();
  request.add_scopes("orders.read");
  request.add_scopes("");
  (*request.mutable_claims())["tenant"] = "t-17";
  const auto input = Parse(request);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->terms.scopes, (std::vector<std::string>{"orders.read", ""}));
  EXPECT_EQ(input->terms.claims, (NamedTexts{{"tenant", "t-17"}}));
}

TEST(FromWire, ARenewalIsTakenAsItIs) {
  v1::RenewTokenRequest request;
  request.set_refresh_token("r");
  request.set_access_token("a");
  request.set_device_id("d");
  const auto input = Parse(request);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->refresh_token.Reveal(), "r");
  EXPECT_EQ(input->access_token.Reveal(), "a");
  EXPECT_EQ(input->device_id, "d");
  request.set_device_id(std::string(kMaxTextBytes + 1, 'd'));
  EXPECT_EQ(Refused(request), "FIELD_INVALID device_id");
}

// A cookie may bring the token that a request does not.
TEST(FromWire, ARenewalAndALogoutMayBringNoToken) {
  EXPECT_EQ(Refused(v1::RenewTokenRequest()), "");
  EXPECT_EQ(Refused(v1::LogoutRequest()), "");
}

TEST(FromWire, AttributesAreTakenWhereTheMaskNamesThem) {
  v1::UpdateUserRequest request;
  request.mutable_user()->set_id("usr_x");
  (*request.mutable_user()->mutable_attributes())["a"] = "b";
  request.mutable_update_mask()->add_paths("display_name");
  EXPECT_FALSE(Parse(request)->attributes.has_value());
  request.mutable_update_mask()->add_paths("attributes");
  EXPECT_EQ(Parse(request)->attributes, (NamedTexts{{"a", "b"}}));
  request.mutable_user()->clear_attributes();
  EXPECT_EQ(Parse(request)->attributes, NamedTexts());

  v1::CreateUserRequest create;
  create.mutable_user()->set_username("alice");
  (*create.mutable_user()->mutable_attributes())["a"] = "b";
  create.set_password("p");
  EXPECT_EQ(Parse(create)->user.attributes, (NamedTexts{{"a", "b"}}));
}

TEST(FromWire, NewUserMayHaveAnEmailAddressAndARequestId) {
  v1::CreateUserRequest create;
  create.mutable_user()->set_username("alice");
  create.set_password("p");
  create.set_request_id("r");
  create.mutable_user()->set_email("a@b");
  EXPECT_EQ(Parse(create)->user.request_id, "r");
  EXPECT_EQ(Parse(create)->user.email, "a@b");

  v1::LookupRolesRequest lookup;
  lookup.set_email("");
  EXPECT_EQ(Refused(lookup), "FIELD_INVALID email");
  lookup.set_email("a@b");
  EXPECT_EQ(Refused(lookup), "");
}

TEST(FromWire, WhoRegistersSaysNoState) {
  v1::RegisterUserRequest request;
  request.mutable_user()->set_username("alice");
  request.set_password("p");
  EXPECT_EQ(Refused(request), "");
  request.mutable_user()->set_state(v1::USER_STATE_ACTIVE);
  EXPECT_EQ(Refused(request), "FIELD_INVALID user.state");
}

TEST(FromWire, WhatIsMissingIsNamed) {
  v1::LoginRequest login = Login();
  login.clear_username();
  EXPECT_EQ(Refused(login), "FIELD_INVALID username");
  login = Login();
  login.clear_password();
  EXPECT_EQ(Refused(login), "FIELD_INVALID password");
  EXPECT_EQ(Refused(v1::ValidateTokenRequest()), "FIELD_INVALID token");
  EXPECT_EQ(Refused(v1::RevokeTokenRequest()), "FIELD_INVALID token");
  EXPECT_EQ(Refused(v1::CreateUserRequest()), "FIELD_INVALID user.username");
  EXPECT_EQ(Refused(v1::GetUserRequest()), "FIELD_INVALID user_id");
  EXPECT_EQ(Refused(v1::LookupRolesRequest()), "FIELD_INVALID user_id");
  EXPECT_EQ(Refused(v1::UpdateUserRequest()), "FIELD_INVALID user.id");
  EXPECT_EQ(Refused(v1::DeleteUserRequest()), "FIELD_INVALID user_id");
  EXPECT_EQ(Refused(v1::ChangePasswordRequest()), "FIELD_INVALID old_password");
  EXPECT_EQ(Refused(v1::CreateRoleRequest()), "FIELD_INVALID role.name");
  EXPECT_EQ(Refused(v1::DeleteRoleRequest()), "FIELD_INVALID role");
  EXPECT_EQ(Refused(v1::GrantRoleRequest()), "FIELD_INVALID role");
  v1::RevokeRoleRequest revoke;
  revoke.set_role("editor");
  EXPECT_EQ(Refused(revoke), "FIELD_INVALID user_id");
}

v1::UpdateUserRequest Update(const std::string& path) {
  v1::UpdateUserRequest request;
  request.mutable_user()->set_id("usr_1");
  request.mutable_user()->set_username("alice");
  request.mutable_user()->set_state(v1::USER_STATE_DISABLED);
  request.mutable_update_mask()->add_paths(path);
  return request;
}

TEST(FromWire, UpdateTakesOnlyWhatTheMaskNames) {
  auto change = Parse(Update("state"));
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->id.str(), "usr_1");
  EXPECT_EQ(change->state, storage::UserState::kDisabled);
  EXPECT_FALSE(change->username.has_value());
  EXPECT_FALSE(change->display_name.has_value());
}

TEST(FromWire, UpdateMaskMayClearTheDisplayName) {
  auto change = Parse(Update("display_name"));
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->display_name, "");
}

TEST(FromWire, MaskThatIsEmptyUnknownOrOutputOnlyIsRefused) {
  v1::UpdateUserRequest request = Update("state");
  request.clear_update_mask();
  EXPECT_EQ(Refused(request), "FIELD_INVALID update_mask");
  for (const char* path :
       {"*", "", "id", "etag", "create_time", "password_hash", "user.username"}) {
    EXPECT_EQ(Refused(Update(path)), "FIELD_INVALID update_mask") << path;
  }
  EXPECT_EQ(Refused(Update("email")), "");
}

TEST(FromWire, EnumValuesThatAreNotListedAreRefused) {
  v1::UpdateUserRequest request = Update("state");
  for (const int value : {0, 3, -1, 1000}) {
    request.mutable_user()->set_state(static_cast<v1::UserState>(value));
    EXPECT_EQ(Refused(request), "FIELD_INVALID user.state") << value;
  }
  v1::CreateUserRequest create;
  create.mutable_user()->set_username("alice");
  create.set_password("p");
  create.mutable_user()->set_state(static_cast<v1::UserState>(7));
  EXPECT_EQ(Refused(create), "FIELD_INVALID user.state");
}

TEST(FromWire, NewUserIsActiveUnlessItSaysOtherwise) {
  v1::CreateUserRequest create;
  create.mutable_user()->set_username("alice");
  create.set_password("p");
  EXPECT_EQ(Parse(create)->user.state, storage::UserState::kActive);
  create.mutable_user()->set_state(v1::USER_STATE_DISABLED);
  EXPECT_EQ(Parse(create)->user.state, storage::UserState::kDisabled);
}

TEST(FromWire, TextOfAThousandAnd24BytesIsTakenAndOneMoreIsNot) {
  v1::GetUserRequest request;
  request.set_user_id(std::string(kMaxTextBytes, 'a'));
  EXPECT_EQ(Refused(request), "");
  request.set_user_id(std::string(kMaxTextBytes + 1, 'a'));
  EXPECT_EQ(Refused(request), "FIELD_INVALID user_id");
  request.set_username(std::string(kMaxTextBytes + 1, 'a'));
  EXPECT_EQ(Refused(request), "FIELD_INVALID username");
  v1::ListUsersRequest list;
  list.set_page_token(std::string(kMaxTextBytes + 1, 'a'));
  EXPECT_EQ(Refused(list), "FIELD_INVALID page_token");
  v1::LoginRequest login = Login();
  login.set_audience(std::string(kMaxTextBytes + 1, 'a'));
  EXPECT_EQ(Refused(login), "FIELD_INVALID audience");
}

TEST(FromWire, RoleIsLimitedTo64Audiences) {
  v1::CreateRoleRequest request;
  request.mutable_role()->set_name("r");
  for (int i = 0; i < 64; ++i) request.mutable_role()->add_audiences("a");
  EXPECT_EQ(Refused(request), "");
  request.mutable_role()->add_audiences("a");
  EXPECT_EQ(Refused(request), "FIELD_INVALID role.audiences");
}

}  // namespace
}  // namespace tessera::server
