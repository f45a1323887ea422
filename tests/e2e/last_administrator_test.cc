// Two administrators who go at the same moment, each at another process on one MariaDB: one stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/replicas.h"

namespace tessera::testing {
namespace {

using ::testing::AnyOf;

constexpr char kAdminRole[] = "tessera.admin";
constexpr int kRounds = 6;

enum class Way { kDisable, kRevokeRole, kDelete };

struct Administrator {
  std::string id, token;
};

// What the first does and what the second does.
struct Race {
  const char* name;
  std::array<Way, 2> ways;

  friend void PrintTo(const Race& race, std::ostream* out) { *out << race.name; }
};

class LastAdministrator : public Replicas, public ::testing::WithParamInterface<Race> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Replicas::SetUp());
    users_ = {a_.Users(), b_.Users()};
    staying_.token = a_.LoginAdmin().access_token();
    v1::GetCurrentUserResponse response;
    Expect(users_[0]->GetCurrentUser(ContextWith({staying_.token}).get(), {}, &response));
    staying_.id = response.user().id();
  }
  static void Expect(const grpc::Status& status) {
    EXPECT_TRUE(status.ok()) << status.error_message();
  }

  // A second one, made by the one there is.
  Administrator Add() {
    const std::string name = absl::StrCat("admin", ++count_);
    v1::CreateUserRequest create;
    create.mutable_user()->set_username(name);
    create.set_password(kPassword);
    v1::CreateUserResponse created;
    Expect(users_[0]->CreateUser(ContextWith({staying_.token}).get(), create, &created));
    v1::GrantRoleRequest grant;
    grant.set_role(kAdminRole);
    grant.set_user_id(created.user().id());
    v1::GrantRoleResponse granted;
    Expect(users_[0]->GrantRole(ContextWith({staying_.token}).get(), grant, &granted));
    return {created.user().id(), b_.Login(name, kPassword).access_token()};
  }

  grpc::Status Act(size_t replica, Way way, const Administrator& actor,
                   const Administrator& target) {
    v1::UserService::Stub& users = *users_[replica];
    const auto context = ContextWith({actor.token});
    if (way == Way::kDisable) {
      v1::UpdateUserRequest request;
      request.mutable_user()->set_id(target.id);
      request.mutable_user()->set_state(v1::USER_STATE_DISABLED);
      request.mutable_update_mask()->add_paths("state");
      v1::UpdateUserResponse response;
      return users.UpdateUser(context.get(), request, &response);
    }
    if (way == Way::kDelete) {
      v1::DeleteUserRequest request;
      request.set_user_id(target.id);
      v1::DeleteUserResponse response;
      return users.DeleteUser(context.get(), request, &response);
    }
    v1::RevokeRoleRequest request;
    request.set_role(kAdminRole);
    request.set_user_id(target.id);
    v1::RevokeRoleResponse response;
    return users.RevokeRole(context.get(), request, &response);
  }
  // Whether the one lists users at this replica.
  bool Administers(size_t replica, const Administrator& one) {
    v1::ListUsersResponse response;
    return users_[replica]->ListUsers(ContextWith({one.token}).get(), {}, &response).ok();
  }
  int Administrators() const {
    return std::stoi(database_.Sql(
        "SELECT COUNT(*) FROM users AS u JOIN user_roles AS g ON g.user_id = u.id"
        " JOIN roles AS r ON r.id = g.role_id WHERE r.name = 'tessera.admin' AND u.state = 0"));
  }

  using Both = std::array<Administrator, 2>;
  // The reason of a refusal; empty: it was done.
  static std::string Why(const grpc::Status& status) {
    if (status.ok()) return "";
    const std::string reason = ReasonOf(status);
    return reason.empty() ? absl::StrCat("code ", status.error_code()) : reason;
  }
  // Each acts at a replica of its own, on itself or on the other; why not.
  std::array<std::string, 2> AtOnce(const Both& both, bool on_each_other) {
    for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(Administers(i, both[i])) << "and is connected";
    std::array<std::string, 2> reasons;
    std::latch start(2);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        reasons[i] = Why(Act(i, GetParam().ways[i], both[i], both[on_each_other ? 1 - i : i]));
      });
    }
    for (std::thread& thread : threads) thread.join();
    return reasons;
  }

  std::array<std::unique_ptr<v1::UserService::Stub>, 2> users_;
  Administrator staying_;
  int count_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    Races, LastAdministrator,
    ::testing::Values(Race{"DisableAndDisable", {Way::kDisable, Way::kDisable}},
                      Race{"RevokeAndRevoke", {Way::kRevokeRole, Way::kRevokeRole}},
                      Race{"DeleteAndDelete", {Way::kDelete, Way::kDelete}},
                      Race{"DeleteAndDisable", {Way::kDelete, Way::kDisable}},
                      Race{"DisableAndRevoke", {Way::kDisable, Way::kRevokeRole}}),
    [](const auto& race) { return std::string(race.param.name); });

// Nobody takes anything from the other: only the rule keeps one.
TEST_P(LastAdministrator, StaysOfTwoWhoGoAtOnce) {
  for (int round = 0; round < kRounds; ++round) {
    // Each way is tried at each replica, and by the old one and the new one.
    Both both = {staying_, Add()};
    if (round % 2 == 1) std::swap(both[0], both[1]);
    const std::array<std::string, 2> reasons = AtOnce(both, /*on_each_other=*/false);
    ASSERT_NE(reasons[0].empty(), reasons[1].empty()) << reasons[0] << " " << reasons[1];
    EXPECT_EQ(reasons[0] + reasons[1], "LAST_ADMINISTRATOR") << "round " << round;
    EXPECT_EQ(Administrators(), 1);
    staying_ = both[reasons[0].empty() ? 1 : 0];
    EXPECT_TRUE(Administers(0, staying_) && Administers(1, staying_)) << "round " << round;
  }
}

// The one who was slower is no administrator any more, and is told that.
TEST_P(LastAdministrator, StaysOfTwoWhoThrowEachOtherOutAtOnce) {
  for (int round = 0; round < kRounds; ++round) {
    Both both = {staying_, Add()};
    if (round % 2 == 1) std::swap(both[0], both[1]);
    const std::array<std::string, 2> reasons = AtOnce(both, /*on_each_other=*/true);
    ASSERT_NE(reasons[0].empty(), reasons[1].empty()) << reasons[0] << " " << reasons[1];
    EXPECT_THAT(reasons[0] + reasons[1], AnyOf("ROLE_REQUIRED", "TOKEN_REVOKED"));
    EXPECT_EQ(Administrators(), 1);
    staying_ = both[reasons[0].empty() ? 0 : 1];
    EXPECT_TRUE(Administers(0, staying_) && Administers(1, staying_)) << "round " << round;
  }
}

}  // namespace
}  // namespace tessera::testing
