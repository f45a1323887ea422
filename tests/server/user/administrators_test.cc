#include "server/user/administrators.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using storage::UserState;

// Writes that the administrator `second` was admitted for, and that run only after something
// happened to `second`.
class QueuedWriteTest : public UserRoom {
 protected:
  using Write = std::function<absl::Status()>;

  void SetUp() override {
    UserRoom::SetUp();
    Start();
    second_ = AddAdministrator("second").id;
    target_ = Add("target").id;
    ASSERT_TRUE(roles_->Create(call_, admin_, {"editor", "", {}}).ok());
    ASSERT_TRUE(roles_->Create(call_, admin_, {"viewer", "", {}}).ok());
    ASSERT_TRUE(roles_->Grant(call_, admin_, "viewer", target_).ok());
    NewUser fields;
    fields.username = "made";
    auto hashed = users_->HashNewUser(fields, Secret::CopyOf(kPassword));
    ASSERT_TRUE(hashed.ok());
    hashed_ = *std::move(hashed);
    rename_.id = target_;
    rename_.username = "renamed";
  }

  // Every administrative write, each of which would succeed; the last deletes the target.
  std::vector<std::pair<std::string, Write>> All() {
    return {
        {"create user", [&] { return users_->Create(call_, second_, *hashed_).status(); }},
        {"update user", [&] { return users_->Update(call_, second_, rename_).status(); }},
        {"create role",
         [&] {
           return roles_->Create(call_, second_, {"new", "", {}}).status();
         }},
        {"grant role", [&] { return roles_->Grant(call_, second_, "editor", target_); }},
        {"grant itself", [&] { return roles_->Grant(call_, second_, kAdminRole, second_); }},
        {"revoke role", [&] { return roles_->Revoke(call_, second_, "viewer", target_); }},
        {"delete role", [&] { return roles_->Delete(call_, second_, "editor"); }},
        {"delete user", [&] { return users_->Delete(call_, second_, target_, ""); }},
    };
  }

  void ExpectAllRefused(absl::StatusCode code, std::string_view why) {
    for (const auto& [name, write] : All()) {
      const absl::Status status = write();
      EXPECT_EQ(status.code(), code) << name << ": " << status;
      EXPECT_EQ(ReasonOf(status), why) << name;
    }
    ExpectNothingChanged();
  }

  void ExpectNothingChanged() {
    EXPECT_EQ(Named("target").id, target_);
    EXPECT_EQ(ReasonOf(users_->Get(call_, UserKey(std::string("made"))).status()),
              reason::kUserNotFound);
    EXPECT_EQ(NamesHeldBy(target_), std::vector<std::string>{"viewer"});
    auto page = roles_->List(call_, 0, "");
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->roles.size(), ReservedRoles().size() + 2);
  }

  std::vector<std::string> NamesHeldBy(const UserId& user) {
    auto lookup = roles_->Lookup(call_, UserKey(user));
    EXPECT_TRUE(lookup.ok()) << lookup.status();
    std::vector<std::string> names;
    for (const storage::HeldRole& held : lookup->roles) names.push_back(held.role.name);
    return names;
  }

  UserId second_, target_;
  std::optional<HashedNewUser> hashed_;
  UserChange rename_;
};

TEST_F(QueuedWriteTest, OfAnAdministratorIsCommitted) {
  for (const auto& [name, write] : All()) EXPECT_TRUE(write().ok()) << name;
}

TEST_F(QueuedWriteTest, OfOneWhoWasDisabledIsRefused) {
  ASSERT_TRUE(SetState(second_, UserState::kDisabled).ok());
  ExpectAllRefused(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked);
}

TEST_F(QueuedWriteTest, OfOneWhoWasDeletedIsRefused) {
  ASSERT_TRUE(users_->Delete(call_, admin_, second_, "").ok());
  ExpectAllRefused(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked);
}

TEST_F(QueuedWriteTest, OfOneWhoLostTheRoleIsRefused) {
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, second_).ok());
  ExpectAllRefused(absl::StatusCode::kPermissionDenied, reason::kRoleRequired);
  EXPECT_TRUE(NamesHeldBy(second_).empty());
}

TEST_F(QueuedWriteTest, OfOneWhoHoldsOnlyOtherReservedRolesIsRefused) {
  ASSERT_TRUE(roles_->Grant(call_, admin_, "tessera.audit", second_).ok());
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, second_).ok());
  ExpectAllRefused(absl::StatusCode::kPermissionDenied, reason::kRoleRequired);
}

TEST_F(QueuedWriteTest, OfTwoAdministratorsWhoDemoteEachOtherTheFirstWins) {
  EXPECT_TRUE(roles_->Revoke(call_, second_, kAdminRole, admin_).ok());
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, admin_, kAdminRole, second_)), reason::kRoleRequired);
  EXPECT_EQ(NamesHeldBy(second_), std::vector<std::string>{std::string(kAdminRole)});
}

TEST_F(QueuedWriteTest, AdministratorMayTakeTheRoleFromItselfOnce) {
  EXPECT_TRUE(roles_->Revoke(call_, second_, kAdminRole, second_).ok());
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, second_, kAdminRole, second_)), reason::kRoleRequired);
}

}  // namespace
}  // namespace tessera::server
