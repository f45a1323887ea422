// A role that many hold is deleted at once, and what is left of it goes in short transactions,
// whoever dies between them.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/auth/session_ender.h"
#include "server/auth/store_cleaner.h"
#include "server/user/group_facade.h"
#include "tests/server/user/dying_store.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::IsEmpty;

class DeletedRolesTest : public UserRoom {
 protected:
  static constexpr int kMany = 2 * StoreCleaner::kBatch + 5;

  void SetUp() override {
    UserRoom::SetUp();
    Start();
    dying_ = std::make_unique<DyingStore>(*store_);
    const RoleFacade::Parts parts{*dying_, *feed_, clock_, log_, audit_, {}, true};
    strict_ = std::make_unique<RoleFacade>(std::vector<std::string>{"tessera"}, parts);
    groups_ = std::make_unique<GroupFacade>(
        GroupFacade::Parts{*dying_, *feed_, clock_, log_, audit_, true});
  }
  // Without hashes, so that there can be many. Each holds the role, or is in the group.
  std::vector<UserId> AddMany(const std::string& role, const std::string& group = "") {
    std::vector<UserId> ids;
    const absl::Status written = store_->Write(
        storage::Repeat::kOnce, absl::InfiniteFuture(),
        [&](storage::Repositories& in) -> absl::Status {
          ids.clear();
          const auto held = in.roles.FindByName(role);
          const auto joined = in.groups.FindByName(group);
          for (int i = 0; i < kMany; ++i) {
            storage::User user;
            user.id = UserId::Random(clock_.Now());
            user.username = "holder" + std::to_string(i);
            user.created_at = user.updated_at = clock_.Now();
            if (auto status = in.users.Insert(user); !status.ok()) return status;
            const absl::Status linked =
                group.empty() ? in.roles.Grant((*held)->id, user.id, clock_.Now())
                              : in.groups.AddMember((*joined)->id, user.id, clock_.Now());
            if (!linked.ok()) return linked;
            ids.push_back(user.id);
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(written.ok()) << written;
    return ids;
  }
  std::map<int64_t, int> VersionsOf(const std::vector<UserId>& ids) {
    std::map<int64_t, int> versions;
    for (const UserId& id : ids) {
      auto user = users_->Get(call_, UserKey(id));
      EXPECT_TRUE(user.ok());
      if (user.ok()) ++versions[user->version];
    }
    return versions;
  }
  void ExpectHeldByNone(const std::vector<UserId>& ids) {
    for (const UserId& id : {ids.front(), ids.back()}) {
      auto held = roles_->Lookup(call_, UserKey(id));
      ASSERT_TRUE(held.ok()) << held.status();
      EXPECT_THAT(held->roles, IsEmpty());
    }
  }
  // One turn of a server that dies behind it.
  StoreCleaner::Removed CleanOnce() {
    StoreCleaner cleaner(*store_, clock_, log_, absl::Hours(24));
    const auto removed = cleaner.CleanOnce();
    EXPECT_TRUE(removed.ok()) << removed.status();
    return removed.ok() ? *removed : StoreCleaner::Removed();
  }

  std::unique_ptr<DyingStore> dying_;
  std::unique_ptr<RoleFacade> strict_;  // `revoke_on_role_change`
  std::unique_ptr<GroupFacade> groups_;
};

TEST_F(DeletedRolesTest, OneWriteTakesTheRoleFromAllAndTheCleanerRemovesTheRestInBatches) {
  ASSERT_TRUE(roles_->Create(call_, admin_, {"editor", "", {}}).ok());
  const std::vector<UserId> holders = AddMany("editor");
  dying_->DieAfter(1);
  ASSERT_TRUE(strict_->Delete(call_, admin_, "editor").ok());
  ExpectHeldByNone(holders);
  ASSERT_TRUE(roles_->Create(call_, admin_, {"editor", "", {}}).ok());
  for (const int count : {StoreCleaner::kBatch, StoreCleaner::kBatch, 5 + 1, 0}) {
    EXPECT_EQ(CleanOnce().roles, count);
    ExpectHeldByNone(holders);
  }
  EXPECT_EQ(VersionsOf(holders), (std::map<int64_t, int>{{1, kMany}}));
}

TEST_F(DeletedRolesTest, ADeletionThatDidNotHappenTakesNothing) {
  ASSERT_TRUE(roles_->Create(call_, admin_, {"editor", "", {}}).ok());
  const UserId user = Add("ada").id;
  ASSERT_TRUE(roles_->Grant(call_, admin_, "editor", user).ok());
  dying_->DieAfter(0);
  EXPECT_FALSE(strict_->Delete(call_, admin_, "editor").ok());
  EXPECT_EQ(CleanOnce().roles, 0);
  const auto check = roles_->Check(call_, UserKey(user), "editor");
  EXPECT_TRUE(check.ok() && check->held);
}

// The role was taken from the group, so that its members' tokens end, and deleted before they all
// had: the deletion must not leave the rest of them with live tokens.
TEST_F(DeletedRolesTest, WhatEndsForALossIsBroughtToItsEndThoughTheRoleIsDeletedMeanwhile) {
  ASSERT_TRUE(roles_->Create(call_, admin_, {"writer", "", {}}).ok());
  ASSERT_TRUE(groups_->Create(call_, admin_, {"writers", ""}).ok());
  ASSERT_TRUE(groups_->GrantRole(call_, admin_, {"writers", "writer"}).ok());
  const UserId ada = Add("ada").id;
  ASSERT_TRUE(groups_->AddMember(call_, admin_, {"writers", ada}).ok());
  const std::vector<UserId> members = AddMany("writer", "writers");
  const auto grant = Login("ada");
  ASSERT_TRUE(grant.ok()) << grant.status();
  dying_->DieAfter(1);
  EXPECT_FALSE(groups_->RevokeRole(call_, admin_, {"writers", "writer"}).ok());
  ASSERT_TRUE(roles_->Delete(call_, admin_, "writer").ok());
  EXPECT_EQ(WhyInactive(grant->access_token), "");

  const StoreCleaner::Removed removed = CleanOnce();
  EXPECT_EQ(removed.losses, kMany / kEndBatch + 1);
  EXPECT_EQ(removed.roles, 0) << "it stays until its losses have ended";
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
  EXPECT_EQ(VersionsOf(members), (std::map<int64_t, int>{{2, kMany}}));
  EXPECT_EQ(CleanOnce().roles, 1);
}

}  // namespace
}  // namespace tessera::server
