// Groups with real processes, by gRPC and from the command line: on SQLite with one server, on
// MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tessera/base/clock.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr char kPassword[] = "a plain user's password";
constexpr char kAdminRole[] = "tessera.admin";

template <typename List>
std::vector<std::string> Texts(const List& list) {
  return {list.begin(), list.end()};
}

class Groups : public Servers {
 protected:
  void SetUp() override { Start({}); }
  void Start(const std::vector<std::string>& environment) {
    ASSERT_NO_FATAL_FAILURE(StartServers(environment));
    admin_ = here().LoginAdmin().access_token();
    ada_ = here().AddUser("ada", kPassword);
  }

  // The reason of the refusal; empty for none.
  template <typename Request, typename Response>
  using Method = grpc::Status (v1::UserService::Stub::*)(grpc::ClientContext*, const Request&,
                                                         Response*);
  template <typename Request, typename Response>
  std::string Ask(Tesserad& server, Method<Request, Response> method, const Request& request,
                  Response* response, const std::string& token) {
    return ReasonOf((server.Users().get()->*method)(ContextWith({token}).get(), request, response));
  }

  std::string Create(const std::string& name) {
    v1::CreateGroupRequest request;
    request.mutable_group()->set_name(name);
    v1::CreateGroupResponse response;
    return Ask(here(), &v1::UserService::Stub::CreateGroup, request, &response, admin_);
  }
  std::string Delete(const std::string& name, const std::string& token) {
    v1::DeleteGroupRequest request;
    request.set_group(name);
    v1::DeleteGroupResponse response;
    return Ask(there(), &v1::UserService::Stub::DeleteGroup, request, &response, token);
  }
  std::string Add(const std::string& group, const std::string& user) {
    v1::AddGroupMemberRequest request;
    request.set_group(group);
    request.set_user_id(user);
    v1::AddGroupMemberResponse response;
    return Ask(here(), &v1::UserService::Stub::AddGroupMember, request, &response, admin_);
  }
  std::string Remove(Tesserad& server, const std::string& group, const std::string& user,
                     const std::string& token) {
    v1::RemoveGroupMemberRequest request;
    request.set_group(group);
    request.set_user_id(user);
    v1::RemoveGroupMemberResponse response;
    return Ask(server, &v1::UserService::Stub::RemoveGroupMember, request, &response, token);
  }
  std::string Remove(const std::string& group, const std::string& user) {
    return Remove(there(), group, user, admin_);
  }
  std::string Grant(const std::string& role, const std::string& group) {
    v1::GrantRoleRequest request;
    request.set_role(role);
    request.set_group(group);
    v1::GrantRoleResponse response;
    return Ask(here(), &v1::UserService::Stub::GrantRole, request, &response, admin_);
  }
  std::string Revoke(const v1::RevokeRoleRequest& request, const std::string& token) {
    v1::RevokeRoleResponse response;
    return Ask(there(), &v1::UserService::Stub::RevokeRole, request, &response, token);
  }
  std::string RevokeFromGroup(const std::string& role, const std::string& group,
                              const std::string& token) {
    v1::RevokeRoleRequest request;
    request.set_role(role);
    request.set_group(group);
    return Revoke(request, token);
  }
  std::string RevokeFromUser(const std::string& role, const std::string& user,
                             const std::string& token) {
    v1::RevokeRoleRequest request;
    request.set_role(role);
    request.set_user_id(user);
    return Revoke(request, token);
  }
  std::string AdminId() {
    v1::GetCurrentUserResponse response;
    EXPECT_EQ(Ask(here(), &v1::UserService::Stub::GetCurrentUser, v1::GetCurrentUserRequest(),
                  &response, admin_),
              "");
    return response.user().id();
  }
  // Whether the token opens a method for administrators.
  std::string ListUsers(const std::string& token) {
    v1::ListUsersResponse response;
    return Ask(there(), &v1::UserService::Stub::ListUsers, v1::ListUsersRequest(), &response,
               token);
  }

  v1::TokenGrant LoginAda(bool include_groups, const std::string& audience = "") {
    v1::LoginRequest request;
    request.set_username("ada");
    request.set_password(kPassword);
    request.set_audience(audience);
    request.set_include_groups(include_groups);
    v1::LoginResponse response;
    const grpc::Status status = here().Auth()->Login(ContextWith({}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.grant();
  }
  v1::RenewTokenResponse Renew(const std::string& refresh_token, std::string* reason = nullptr) {
    v1::RenewTokenRequest request;
    request.set_refresh_token(refresh_token);
    v1::RenewTokenResponse response;
    const grpc::Status status =
        there().Auth()->RenewToken(ContextWith({}).get(), request, &response);
    if (reason != nullptr) *reason = ReasonOf(status);
    return response;
  }
  v1::ValidateTokenResponse Validate(Tesserad& server, const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    const grpc::Status status =
        server.Auth()->ValidateToken(ContextWith({}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // Every server says so, soon.
  bool IsRevokedEverywhere(const std::string& token) {
    const Clock& clock = SystemClock();
    const absl::Time limit = clock.Now() + kPatience;
    for (const auto& server : servers_) {
      while (Validate(*server, token).reason() != v1::ERROR_REASON_TOKEN_REVOKED) {
        if (clock.Now() > limit) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    return true;
  }

  std::string admin_;  // its access token
  std::string ada_;    // her id
};

TEST_P(Groups, GiveTheirRolesToTokensAndTakeThemAtTheNextRenewal) {
  here().AddRole("orders.admin", {});
  ASSERT_EQ(Create("buyers"), "");
  EXPECT_EQ(Create("buyers"), "GROUP_NAME_TAKEN");
  ASSERT_EQ(Grant("orders.admin", "buyers"), "");
  ASSERT_EQ(Add("buyers", ada_), "");
  const v1::TokenGrant grant = LoginAda(true);
  v1::ValidateTokenResponse known = Validate(there(), grant.access_token());
  EXPECT_THAT(Texts(known.roles()), ElementsAre("orders.admin"));
  EXPECT_THAT(Texts(known.groups()), ElementsAre("buyers"));
  EXPECT_THAT(Texts(Validate(here(), LoginAda(false).access_token()).groups()), IsEmpty());

  ASSERT_EQ(Remove("buyers", ada_), "");
  EXPECT_TRUE(Validate(here(), grant.access_token()).active());
  const v1::RenewTokenResponse renewed = Renew(grant.refresh_token());
  known = Validate(here(), renewed.grant().access_token());
  EXPECT_THAT(Texts(known.roles()), IsEmpty());
  EXPECT_THAT(Texts(known.groups()), IsEmpty());
}

TEST_P(Groups, AreAskedAboutByWhateverNamesTheUser) {
  here().AddRole("orders.admin", {});
  ASSERT_EQ(Create("buyers"), "");
  ASSERT_EQ(Grant("orders.admin", "buyers"), "");
  ASSERT_EQ(Add("buyers", ada_), "");
  v1::LookupRolesRequest lookup;
  lookup.set_username("ADA");
  v1::LookupRolesResponse roles;
  ASSERT_EQ(Ask(there(), &v1::UserService::Stub::LookupRoles, lookup, &roles, admin_), "");
  EXPECT_EQ(roles.kind(), v1::USER_KIND_USER);
  EXPECT_EQ(roles.user_id(), ada_);
  ASSERT_EQ(roles.roles_size(), 1);
  EXPECT_FALSE(roles.roles(0).direct());
  EXPECT_THAT(Texts(roles.roles(0).groups()), ElementsAre("buyers"));

  v1::CheckRoleRequest check;
  check.set_user_id(ada_);
  check.set_role("orders.admin");
  v1::CheckRoleResponse checked;
  ASSERT_EQ(Ask(there(), &v1::UserService::Stub::CheckRole, check, &checked, admin_), "");
  EXPECT_TRUE(checked.held());
  EXPECT_THAT(Texts(checked.groups()), ElementsAre("buyers"));
  check.set_role("none");
  EXPECT_EQ(Ask(there(), &v1::UserService::Stub::CheckRole, check, &checked, admin_),
            "ROLE_NOT_FOUND");
  check.set_role("orders.admin");
  check.set_username("nobody");
  ASSERT_EQ(Ask(there(), &v1::UserService::Stub::CheckRole, check, &checked, admin_), "");
  EXPECT_FALSE(checked.held());
  EXPECT_EQ(checked.kind(), v1::USER_KIND_NO_ONE);

  v1::GrantRoleRequest nobody;
  nobody.set_role("orders.admin");
  v1::GrantRoleResponse granted;
  EXPECT_EQ(Ask(here(), &v1::UserService::Stub::GrantRole, nobody, &granted, admin_),
            "FIELD_INVALID");
}

TEST_P(Groups, MakeAdministratorsOfTheirMembersAndLeaveThemNothingBehind) {
  ASSERT_EQ(Create("admins"), "");
  ASSERT_EQ(Grant(kAdminRole, "admins"), "");
  ASSERT_EQ(Add("admins", ada_), "");
  const v1::TokenGrant grant = LoginAda(false);
  ASSERT_EQ(ListUsers(grant.access_token()), "");
  ASSERT_EQ(Remove("admins", ada_), "");
  EXPECT_EQ(ListUsers(grant.access_token()), "TOKEN_REVOKED");
  EXPECT_TRUE(IsRevokedEverywhere(grant.access_token()));
  std::string reason;
  Renew(grant.refresh_token(), &reason);
  EXPECT_EQ(reason, "SESSION_ENDED");
  EXPECT_EQ(ListUsers(LoginAda(false).access_token()), "ROLE_REQUIRED");
}

TEST_P(Groups, KeepTheLastAdministratorWhateverIsTaken) {
  ASSERT_EQ(Create("admins"), "");
  ASSERT_EQ(Grant(kAdminRole, "admins"), "");
  const std::string admin = AdminId();
  ASSERT_EQ(Add("admins", admin), "");
  ASSERT_EQ(RevokeFromUser(kAdminRole, admin, admin_), "");
  EXPECT_EQ(RevokeFromGroup(kAdminRole, "admins", admin_), "LAST_ADMINISTRATOR");
  EXPECT_EQ(Remove("admins", admin), "LAST_ADMINISTRATOR");
  EXPECT_EQ(Delete("admins", admin_), "LAST_ADMINISTRATOR");
  v1::UpdateUserRequest disable;
  disable.mutable_user()->set_id(admin);
  disable.mutable_user()->set_state(v1::USER_STATE_DISABLED);
  disable.mutable_update_mask()->add_paths("state");
  v1::UpdateUserResponse updated;
  EXPECT_EQ(Ask(there(), &v1::UserService::Stub::UpdateUser, disable, &updated, admin_),
            "LAST_ADMINISTRATOR");
  v1::DeleteUserRequest removal;
  removal.set_user_id(admin);
  v1::DeleteUserResponse removed;
  EXPECT_EQ(Ask(there(), &v1::UserService::Stub::DeleteUser, removal, &removed, admin_),
            "LAST_ADMINISTRATOR");
  EXPECT_EQ(ListUsers(admin_), "");
}

TEST_P(Groups, OfTwoAdministratorsWhoThrowEachOtherOutAtOnceOneStays) {
  ASSERT_EQ(Create("admins"), "");
  ASSERT_EQ(Grant(kAdminRole, "admins"), "");
  const std::string admin = AdminId();
  ASSERT_EQ(Add("admins", admin), "");
  ASSERT_EQ(Add("admins", ada_), "");
  ASSERT_EQ(RevokeFromUser(kAdminRole, admin, admin_), "");
  const std::array<std::string, 2> ids = {admin, ada_};
  const std::array<std::string, 2> tokens = {admin_, LoginAda(false).access_token()};
  std::array<std::string, 2> reasons;
  std::latch start(2);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      reasons[i] = Remove(*servers_[i % servers_.size()], "admins", ids[1 - i], tokens[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(reasons[0].empty(), reasons[1].empty()) << reasons[0] << " " << reasons[1];
  EXPECT_THAT(reasons[0] + reasons[1], AnyOf("ROLE_REQUIRED", "TOKEN_REVOKED"));
  EXPECT_EQ(ListUsers(tokens[reasons[0].empty() ? 0 : 1]), "");
}

class StrictGroups : public Groups {
 protected:
  void SetUp() override { Start({"TESSERA_TOKENS_REVOKE_ON_ROLE_CHANGE=true"}); }
};

TEST_P(StrictGroups, EndTokensWithAnyRoleThatIsTaken) {
  here().AddRole("reader", {});
  ASSERT_EQ(Create("readers"), "");
  ASSERT_EQ(Grant("reader", "readers"), "");
  ASSERT_EQ(Add("readers", ada_), "");
  const v1::TokenGrant grant = LoginAda(false);
  ASSERT_EQ(Delete("readers", admin_), "");
  EXPECT_TRUE(IsRevokedEverywhere(grant.access_token()));
}

class GroupsByCommand : public Groups {
 protected:
  Program::Ran Tessera(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TESSERA_PROGRAM);
    return Program::Run(
        arguments, {"TESSERACTL_CONFIG_DIR=" + home_.Path("config"), "HOME=" + home_.Path("")});
  }
  int Login(const std::string& user, const std::string& password,
            const std::string& context = "default") {
    const Program::Ran ran = Tessera({"login", "--username", user, "--groups", "--server",
                                      here().address(), "--plaintext", "--context", context,
                                      "--password-file", home_.Write("password", password, 0600)});
    EXPECT_EQ(ran.code, 0) << ran.output;
    return ran.code;
  }
  std::string Output(const std::vector<std::string>& arguments) {
    const Program::Ran ran = Tessera(arguments);
    EXPECT_EQ(ran.code, 0) << ran.output;
    return ran.output;
  }

  TemporaryFolder home_;
};

TEST_P(GroupsByCommand, FromTheFirstMemberToTheEndOfTheGroup) {
  ASSERT_EQ(Login("admin", Tesserad::kAdminPassword), 0);
  Output({"role", "create", "orders.admin"});
  EXPECT_THAT(Output({"group", "create", "buyers", "--description", "who buy"}), HasSubstr("grp_"));
  Output({"role", "grant", "orders.admin", "--group", "buyers"});
  Output({"group", "add", "buyers", "ada"});
  EXPECT_THAT(Output({"group", "list"}), HasSubstr("orders.admin"));
  EXPECT_THAT(Output({"group", "members", "buyers"}), HasSubstr("ada"));
  const auto lookup = nlohmann::json::parse(Output({"role", "lookup", "ada", "--json"}));
  EXPECT_EQ(lookup["roles"][0]["groups"][0], "buyers");
  EXPECT_EQ(lookup["roles"][0]["direct"], false);
  EXPECT_EQ(Tessera({"role", "check", "orders.admin", "ada"}).code, 0);
  EXPECT_EQ(Tessera({"role", "check", "orders.admin", "admin"}).code, 4);
  EXPECT_EQ(Tessera({"role", "check", "none", "ada"}).code, 5);
  EXPECT_EQ(Tessera({"role", "grant", "orders.admin"}).code, 2);
  EXPECT_EQ(Tessera({"role", "grant", "orders.admin", "ada", "--group", "buyers"}).code, 2);

  ASSERT_EQ(Login("ada", kPassword, "adas"), 0);
  const std::string claims = Output({"token", "inspect", "--context", "adas"});
  EXPECT_THAT(claims, HasSubstr("buyers"));
  EXPECT_THAT(claims, HasSubstr("orders.admin"));

  Output({"group", "remove", "buyers", "ada"});
  EXPECT_THAT(Output({"group", "members", "buyers"}), Not(HasSubstr("ada")));
  Output({"role", "revoke", "orders.admin", "--group", "buyers"});
  Output({"group", "delete", "buyers", "--yes"});
  EXPECT_EQ(Tessera({"group", "members", "buyers"}).code, 5);
}

INSTANTIATE_TEST_SUITE_P(On, Groups, BothEngines(), EngineName);
INSTANTIATE_TEST_SUITE_P(On, StrictGroups, BothEngines(), EngineName);
INSTANTIATE_TEST_SUITE_P(On, GroupsByCommand, BothEngines(), EngineName);

}  // namespace
}  // namespace tessera::testing
