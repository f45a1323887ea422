// What groups give is taken from many members at once: in short transactions, and to the end,
// whatever comes between.
#include <gmock/gmock.h>

#include <map>
#include <optional>
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

using ::testing::Contains;
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
    group_store_ = nullptr;
    others_ = MakeGroups(false);
    group_store_ = dying_.get();
  }
  // A group of many; `ada` is the last one to leave it.
  UserId AddLargeGroup(const std::string& name, const std::vector<std::string>& roles) {
    AddGroup(name, roles);
    AddManyMembers(name, kMany);
    clock_.Advance(absl::Seconds(1));  // ids are in the order of time
    return AddMember(name, "ada");
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

  // To a group that holds `before`, behind the first members who have left.
  void ExpectAGrantMeanwhileIsTaken(const std::vector<std::string>& before) {
    const UserId ada = AddLargeGroup("staff", before);
    const UserId late = Add("late").id;
    std::optional<IssuedGrant> grant;
    dying_->Behind(2, [&] {
      ASSERT_TRUE(others_->GrantRole(call_, admin_, {"staff", std::string(kAdminRole)}).ok());
      ASSERT_TRUE(others_->AddMember(call_, admin_, {"staff", late}).ok());
      grant = MustLogin("ada");
      EXPECT_THAT(ClaimsOf(*grant).roles, Contains(std::string(kAdminRole)));
    });
    const absl::Status deleted = groups_->Delete(call_, admin_, "staff");
    ASSERT_TRUE(deleted.ok()) << deleted;
    ASSERT_TRUE(grant.has_value());
    EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
    EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant->refresh_token).status()), reason::kSessionEnded);
    for (const UserId& id : {ada, late}) EXPECT_THAT(Held(id), IsEmpty());
    EXPECT_EQ(ReasonOf(groups_->Delete(call_, admin_, "staff")), reason::kGroupNotFound);
  }

  std::unique_ptr<DyingStore> dying_;
  std::unique_ptr<GroupFacade> groups_;
  std::unique_ptr<GroupFacade> others_;  // of another administrator, on a store that lives
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

// An administrator's grant that comes between would leave those who have not left yet with tokens
// that nobody ends.
TEST_F(GroupLossesTest, ARoleGrantedAgainWhileTheGroupIsDeletedIsTakenFromEveryMember) {
  ExpectAGrantMeanwhileIsTaken({std::string(kAdminRole)});
}

TEST_F(GroupLossesTest, ARoleFirstGrantedWhileTheGroupIsDeletedIsTakenFromEveryMember) {
  ExpectAGrantMeanwhileIsTaken({});
}

TEST_F(GroupLossesTest, AGroupThatHasBecomeTheLastAdministratorsStopsBeingDeleted) {
  const UserId ada = AddLargeGroup("staff", {});
  dying_->Behind(2, [&] {
    ASSERT_TRUE(others_->GrantRole(call_, admin_, {"staff", std::string(kAdminRole)}).ok());
    ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, admin_).ok());
  });
  EXPECT_EQ(ReasonOf(groups_->Delete(call_, admin_, "staff")), reason::kLastAdministrator);
  EXPECT_THAT(Held(ada), ::testing::ElementsAre(std::string(kAdminRole)));
  EXPECT_EQ(CountMembers("staff"), kMany + 1 - kEndBatch);
}

// The name is free as soon as the first deletion has come to its end.
TEST_F(GroupLossesTest, AnotherGroupOfTheSameNameKeepsItsRoles) {
  const UserId ada = AddLargeGroup("staff", {});
  dying_->Behind(2, [&] {
    ASSERT_TRUE(others_->Delete(call_, admin_, "staff").ok());
    ASSERT_TRUE(others_->Create(call_, admin_, {"staff", ""}).ok());
    ASSERT_TRUE(others_->GrantRole(call_, admin_, {"staff", "tessera.audit"}).ok());
    ASSERT_TRUE(others_->AddMember(call_, admin_, {"staff", ada}).ok());
  });
  EXPECT_TRUE(groups_->Delete(call_, admin_, "staff").ok());
  EXPECT_THAT(Held(ada), ::testing::ElementsAre("tessera.audit"));
  EXPECT_EQ(CountMembers("staff"), 1);
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
