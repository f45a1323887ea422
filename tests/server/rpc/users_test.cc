// Users through the wire: names, email addresses, filters, request ids, registering, importing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kUserPassword[] = "a plain user's password";
// 29,000 rounds over "correct horse battery".
constexpr char kPbkdf2[] =
    "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";

class Users : public ::testing::Test {
 protected:
  void Start() {
    server_.Start();
    users_ = server_.Users();
    admin_ = server_.LoginAdmin().access_token();
  }
  static v1::CreateUserRequest Creation(const std::string& name, const std::string& email = "",
                                        const std::string& request_id = "") {
    v1::CreateUserRequest request;
    request.mutable_user()->set_username(name);
    request.mutable_user()->set_email(email);
    request.set_password(kUserPassword);
    request.set_request_id(request_id);
    return request;
  }
  // The reason, or empty; `made_` is the answer.
  std::string Create(const v1::CreateUserRequest& request) {
    made_ = {};
    return ReasonOf(users_->CreateUser(With(admin_).get(), request, &made_));
  }
  std::string Register(const std::string& name, const std::string& token = "",
                       const std::string& email = "") {
    v1::RegisterUserRequest request;
    request.mutable_user()->set_username(name);
    request.mutable_user()->set_email(email);
    request.set_password(kUserPassword);
    v1::RegisterUserResponse response;
    return ReasonOf(users_->RegisterUser(With(token).get(), request, &response));
  }
  std::vector<std::string> Listed(v1::ListUsersRequest request) {
    std::vector<std::string> names;
    v1::ListUsersResponse response;
    request.set_page_size(1);
    do {
      const grpc::Status status = users_->ListUsers(With(admin_).get(), request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) break;
      for (const v1::User& user : response.users()) names.push_back(user.username());
      request.set_page_token(response.next_page_token());
    } while (!response.next_page_token().empty());
    return names;
  }

  InProcessServer server_;
  std::unique_ptr<v1::UserService::Stub> users_;
  std::string admin_;
  v1::CreateUserResponse made_;
};

TEST_F(Users, HaveAnEmailAddressThatFindsThem) {
  Start();
  EXPECT_EQ(Create(Creation("\u00c5sa", "Asa@Example.org")), "");
  EXPECT_EQ(made_.user().username(), "\u00e5sa");
  EXPECT_EQ(made_.user().email(), "Asa@Example.org");
  v1::GetUserRequest get;
  get.set_email("asa@example.ORG");
  v1::GetUserResponse got;
  ASSERT_TRUE(users_->GetUser(With(admin_).get(), get, &got).ok());
  EXPECT_EQ(got.user().id(), made_.user().id());
  v1::LookupRolesRequest lookup;
  lookup.set_email("asa@example.ORG");
  v1::LookupRolesResponse looked_up;
  ASSERT_TRUE(users_->LookupRoles(With(admin_).get(), lookup, &looked_up).ok());
  EXPECT_EQ(looked_up.user_id(), got.user().id());
  v1::CheckRoleRequest check;
  check.set_email("nobody@example.org");
  check.set_role("tessera.admin");
  v1::CheckRoleResponse checked;
  ASSERT_TRUE(users_->CheckRole(With(admin_).get(), check, &checked).ok());
  EXPECT_EQ(checked.kind(), v1::USER_KIND_NO_ONE);
  EXPECT_EQ(Create(Creation("other", "ASA@example.org")), "EMAIL_TAKEN");
  EXPECT_EQ(Create(Creation("a\u030asa")), "USERNAME_TAKEN");
}

TEST_F(Users, AnEmailAddressIsChangedByTheMaskAlone) {
  Start();
  ASSERT_EQ(Create(Creation("ada", "ada@example.org")), "");
  v1::UpdateUserRequest update;
  update.mutable_user()->set_id(made_.user().id());
  update.mutable_update_mask()->add_paths("display_name");
  v1::UpdateUserResponse updated;
  ASSERT_TRUE(users_->UpdateUser(With(admin_).get(), update, &updated).ok());
  EXPECT_EQ(updated.user().email(), "ada@example.org");
  update.mutable_update_mask()->set_paths(0, "email");
  update.mutable_user()->set_etag(made_.user().etag());
  EXPECT_EQ(ReasonOf(users_->UpdateUser(With(admin_).get(), update, &updated)), "ETAG_MISMATCH");
  update.mutable_user()->set_etag(updated.user().etag());
  ASSERT_TRUE(users_->UpdateUser(With(admin_).get(), update, &updated).ok());
  EXPECT_EQ(updated.user().email(), "");
}

TEST_F(Users, AreListedByPrefixRoleAndState) {
  Start();
  for (const char* name : {"ada", "adam", "grace"}) {
    ASSERT_EQ(Create(Creation(name)), "");
    server_.clock().Advance(absl::Milliseconds(2));
  }
  v1::ListUsersRequest request;
  request.set_username_prefix("ADA");
  EXPECT_THAT(Listed(request), ElementsAre("ada", "adam"));
  request.clear_username_prefix();
  request.set_role("tessera.admin");
  EXPECT_THAT(Listed(request), ElementsAre("admin"));
  request.clear_role();
  request.set_state(v1::USER_STATE_DISABLED);
  EXPECT_THAT(Listed(request), ElementsAre());
  request.set_role("nobody-knows");
  v1::ListUsersResponse response;
  EXPECT_EQ(ReasonOf(users_->ListUsers(With(admin_).get(), request, &response)), "ROLE_NOT_FOUND");
}

TEST_F(Users, ARepeatedRequestIsAnsweredWithTheSameUser) {
  Start();
  ASSERT_EQ(Create(Creation("ada", "", "r-1")), "");
  const std::string id = made_.user().id();
  EXPECT_EQ(Create(Creation("ada", "", "r-1")), "");
  EXPECT_EQ(made_.user().id(), id);
  EXPECT_EQ(Create(Creation("grace", "", "r-1")), "REQUEST_ID_REUSED");
  v1::CreateUserRequest other = Creation("ada", "", "r-1");
  other.set_password("another password");
  EXPECT_EQ(Create(other), "REQUEST_ID_REUSED");
}

TEST_F(Users, NobodyRegistersUnlessTheServerLetsThem) {
  Start();
  EXPECT_EQ(Register("ada"), "REGISTRATION_DISABLED");
  EXPECT_EQ(Register("ada", admin_), "REGISTRATION_DISABLED");
}

TEST_F(Users, WhoRegistersHoldsTheInitialRolesThatTheStartMade) {
  server_.config().registration.enabled = true;
  server_.config().users.initial_roles = {"member"};
  server_.config().users.admin_roles = {"boss"};
  Start();
  EXPECT_EQ(Register("ada"), "");
  EXPECT_EQ(Register("ADA"), "USERNAME_TAKEN");
  EXPECT_EQ(Register("grace", "", "ada@example.org"), "FIELD_UNSUPPORTED");
  const std::string token = server_.Login("ada", kUserPassword).access_token();
  v1::GetCurrentUserResponse current;
  ASSERT_TRUE(users_->GetCurrentUser(With(token).get(), {}, &current).ok());
  EXPECT_THAT(current.roles(), ElementsAre("member"));
  v1::ListUsersResponse listed;
  EXPECT_EQ(ReasonOf(users_->ListUsers(With(token).get(), {}, &listed)), "ROLE_REQUIRED");
}

TEST_F(Users, AnImportAnswersForEachUser) {
  Start();
  v1::ImportUsersRequest request;
  request.add_users()->mutable_user()->set_username("ada");
  request.mutable_users(0)->set_password_hash(kPbkdf2);
  request.add_users()->mutable_user()->set_username("admin");
  request.add_users()->mutable_user()->set_username("grace");
  request.mutable_users(2)->set_password_hash("nothing that is known");
  request.set_validate_only(true);
  v1::ImportUsersResponse response;
  ASSERT_TRUE(users_->ImportUsers(With(admin_).get(), request, &response).ok());
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).reason(), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(response.results(0).user_id(), "");
  EXPECT_EQ(response.results(1).reason(), v1::ERROR_REASON_USERNAME_TAKEN);
  EXPECT_EQ(response.results(2).reason(), v1::ERROR_REASON_FIELD_INVALID);
  EXPECT_THAT(response.results(2).message(), HasSubstr("password_hash"));
  request.set_validate_only(false);
  response = {};
  ASSERT_TRUE(users_->ImportUsers(With(admin_).get(), request, &response).ok());
  EXPECT_NE(response.results(0).user_id(), "");
  EXPECT_NE(server_.Login("ada", "correct horse battery").access_token(), "");
  EXPECT_EQ(ReasonOf(users_->ImportUsers(With(admin_).get(), {}, &response)), "FIELD_INVALID");
}

TEST_F(Users, AnImportedUserWhoCannotBeReadFailsAlone) {
  Start();
  v1::ImportUsersRequest request;
  request.add_users()->mutable_user()->set_username("ada");
  request.mutable_users(0)->mutable_user()->set_state(static_cast<v1::UserState>(99));
  request.add_users();
  request.add_users()->mutable_user()->set_username("joan");
  request.mutable_users(2)->set_password_hash(std::string(1025, '$'));
  request.add_users()->mutable_user()->set_username("grace");
  v1::ImportUsersResponse response;
  ASSERT_TRUE(users_->ImportUsers(With(admin_).get(), request, &response).ok());
  ASSERT_EQ(response.results_size(), 4);
  const std::vector<std::string> fields = {"user.state", "user.username", "password_hash"};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(response.results(i).reason(), v1::ERROR_REASON_FIELD_INVALID) << i;
    EXPECT_THAT(response.results(i).message(), HasSubstr(fields[static_cast<size_t>(i)]));
  }
  EXPECT_NE(response.results(3).user_id(), "");
  request.clear_users();
  for (int i = 0; i < 101; ++i) request.add_users();
  EXPECT_EQ(ReasonOf(users_->ImportUsers(With(admin_).get(), request, &response)), "FIELD_INVALID");
}

}  // namespace
}  // namespace tessera::server
