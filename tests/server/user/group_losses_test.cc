// What groups give is taken from many members at once: in short transactions, and to the end,
// whatever comes between.
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "server/auth/lost_roles.h"
#include "server/auth/session_ender.h"
#include "server/auth/store_cleaner.h"
#include "server/user/group_facade.h"
#include "tests/server/user/dying_store.h"
#include "tests/server/user/group_room.h"

namespace tessera::server {
namespace {

using ::testing::IsEmpty;

using Versions = std::map<int64_t, int>;

class GroupLossesTest : public GroupRoom {
 protected:
  static constexpr int kMany = 2 * kEndBatch + 5;

  void SetUp() override {
    GroupRoom::SetUp();
    dying_ = std::make_unique<DyingStore>(*store_);
    group_store_ = dying_.get();
    groups_ = MakeGroups(false);
  }
  int CountMembers(const std::string& group) {
    int count = 0;
    Write([&](storage::Repositories& in) -> absl::Status {
      storage::UserFilter filter;
      const auto found = in.groups.FindByName(group);
      filter.group = (*found)->id;
      count = static_cast<int>(in.users.List(filter, UserId(), 10 * kMany)->size());
      return absl::OkStatus();
    });
    return count;
  }
  StoreCleaner::Removed Clean(StoreCleaner& cleaner) {
    const auto removed = cleaner.CleanOnce();
    EXPECT_TRUE(removed.ok()) << removed.status();
    return removed.ok() ? *removed : StoreCleaner::Removed();
  }

  std::unique_ptr<DyingStore> dying_;
  std::unique_ptr<GroupFacade> groups_;
};

// The members would keep tokens with a role that nobody gives them any more.
TEST_F(GroupLossesTest, WhatADyingServerHasBegunTheCleanerBringsToItsEnd) {
  AddGroup("auditors", {"tessera.audit"});
  const UserId ada = AddMember("auditors", "ada");
  const std::vector<UserId> members = AddManyMembers("auditors", kMany);
  const auto grant = Login("ada");
  ASSERT_TRUE(grant.ok());
  dying_->DieAfter(1);
  EXPECT_FALSE(groups_->RevokeRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  EXPECT_EQ(VersionsOf(members), (Versions{{1, kMany}}));
  EXPECT_EQ(WhyInactive(grant->access_token), "");

  StoreCleaner cleaner(*store_, clock_, log_, absl::Hours(24));
  EXPECT_EQ(Clean(cleaner).losses, 3);
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
  EXPECT_EQ(Named("ada").version, 2);
  EXPECT_EQ(VersionsOf(members), (Versions{{2, kMany}}));
  // And no second time.
  EXPECT_EQ(Clean(cleaner).losses, 0);
  EXPECT_EQ(VersionsOf(members), (Versions{{2, kMany}}));
  EXPECT_TRUE(CheckLogin("ada").ok());
  EXPECT_EQ(ada.str(), Named("ada").id.str());
}

TEST_F(GroupLossesTest, TheCleanerGoesOnWhereTheOtherStopped) {
  AddGroup("auditors", {"tessera.audit"});
  const std::vector<UserId> members = AddManyMembers("auditors", kMany);
  dying_->DieAfter(2);
  EXPECT_FALSE(groups_->RevokeRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  EXPECT_EQ(VersionsOf(members), (Versions{{1, kMany - kEndBatch}, {2, kEndBatch}}));
  StoreCleaner cleaner(*store_, clock_, log_, absl::Hours(24));
  EXPECT_EQ(Clean(cleaner).losses, 2);
  EXPECT_EQ(VersionsOf(members), (Versions{{2, kMany}}));
}

TEST_F(GroupLossesTest, OfADeletionThatWasCutOffTheSessionsEndToo) {
  AddGroup("auditors", {"tessera.audit"});
  const std::vector<UserId> members = AddManyMembers("auditors", kMany);
  dying_->DieAfter(1);
  EXPECT_FALSE(groups_->Delete(call_, admin_, "auditors").ok());
  StoreCleaner cleaner(*store_, clock_, log_, absl::Hours(24));
  EXPECT_EQ(Clean(cleaner).losses, 3);
  EXPECT_EQ(VersionsOf(members), (Versions{{2, kMany}}));
  dying_->DieAfter(100);
  EXPECT_TRUE(groups_->Delete(call_, admin_, "auditors").ok());
  EXPECT_EQ(VersionsOf(members), (Versions{{2, kMany}}));
}

TEST_F(GroupLossesTest, AReplicaWithoutTheLeaseLeavesLossesAlone) {
  AddGroup("auditors", {"tessera.audit"});
  const std::vector<UserId> members = AddManyMembers("auditors", kMany);
  dying_->DieAfter(1);
  EXPECT_FALSE(groups_->RevokeRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  StoreCleaner first(*store_, clock_, log_, absl::Hours(24));
  StoreCleaner second(*store_, clock_, log_, absl::Hours(24));
  EXPECT_EQ(Clean(first).losses, 3);
  Write([&](storage::Repositories& in) -> absl::Status {
    const auto group = in.groups.FindByName("auditors");
    const auto role = in.roles.FindByName("tessera.audit");
    if (auto given = in.groups.Grant((*group)->id, (*role)->id, clock_.Now()); !given.ok()) {
      return given;
    }
    return in.groups.BeginLoss((*group)->id, (*role)->id, clock_.Now()).status();
  });
  EXPECT_EQ(Clean(second).losses, 0);
  EXPECT_EQ(VersionsOf(members), (Versions{{2, kMany}}));
}

// However many there are, no transaction takes them all; and nobody holds the role from the first.
TEST_F(GroupLossesTest, ALargeGroupIsDeletedInManyTransactions) {
  ASSERT_TRUE(roles_->Create(call_, admin_, {"writer", "", {}}).ok());
  AddGroup("writers", {"writer"});
  const std::vector<UserId> members = AddManyMembers("writers", kMany);
  dying_->DieAfter(2);
  EXPECT_FALSE(groups_->Delete(call_, admin_, "writers").ok());
  EXPECT_EQ(CountMembers("writers"), kMany - kEndBatch);
  for (const UserId& member : {members.front(), members.back()}) {
    auto held = roles_->Lookup(call_, UserKey(member));
    ASSERT_TRUE(held.ok());
    EXPECT_THAT(held->roles, IsEmpty());
  }
  dying_->DieAfter(100);
  ASSERT_TRUE(groups_->Delete(call_, admin_, "writers").ok());
  EXPECT_EQ(ReasonOf(groups_->Delete(call_, admin_, "writers")), reason::kGroupNotFound);
  EXPECT_EQ(VersionsOf(members), (Versions{{1, kMany}})) << "an ordinary role ends no tokens";
}

// Where a role's loss ends tokens, that of a group does: a service may go by its name in them.
TEST_F(GroupLossesTest, LeavingAGroupThatGivesNothingEndsTokensWhereTheServerSaysSo) {
  for (const bool at_once : {false, true}) {
    groups_ = MakeGroups(at_once);
    for (const bool deleted : {false, true}) {
      AddGroup("friends");
      const std::string name = std::string(at_once ? "strict." : "lax.") + (deleted ? "d" : "r");
      const UserId id = AddMember("friends", name);
      const auto grant = Login(name);
      ASSERT_TRUE(grant.ok());
      const absl::Status left = deleted ? groups_->Delete(call_, admin_, "friends")
                                        : groups_->RemoveMember(call_, admin_, {"friends", id});
      ASSERT_TRUE(left.ok()) << left;
      EXPECT_EQ(WhyInactive(grant->access_token), at_once ? reason::kTokenRevoked : "") << name;
      const auto fresh = Login(name);
      ASSERT_TRUE(fresh.ok());
      groups_->RemoveMember(call_, admin_, {"friends", id}).IgnoreError();  // had left
      EXPECT_EQ(WhyInactive(fresh->access_token), "") << name;
      groups_->Delete(call_, admin_, "friends").IgnoreError();
    }
  }
}

}  // namespace
}  // namespace tessera::server
