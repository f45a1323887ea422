// What members lose when a group loses a role, they leave it or it goes: and that somebody stays
// who can administer.
#include <gmock/gmock.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "server/auth/lost_roles.h"
#include "server/auth/session_ender.h"
#include "tests/server/user/group_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using TakenGroupRoles = GroupRoom;

const std::string kAdmin(kAdminRole);  // NOLINT(cert-err58-cpp)

// What takes the role `tessera.audit` from a member of `auditors`.
struct Road {
  const char* name;
  std::function<absl::Status(const GroupFacade&, const CallInfo&, const UserId& actor,
                             const UserId& member, const std::string& role)>
      take;
};

const std::vector<Road>& Roads() {
  static const auto& roads = *new std::vector<Road>{
      {"role revoked",
       [](const GroupFacade& groups, const CallInfo& call, const UserId& actor, const UserId&,
          const std::string& role) {
         return groups.RevokeRole(call, actor, {"auditors", role});
       }},
      {"member removed",
       [](const GroupFacade& groups, const CallInfo& call, const UserId& actor,
          const UserId& member, const std::string&) {
         return groups.RemoveMember(call, actor, {"auditors", member});
       }},
      {"group deleted",
       [](const GroupFacade& groups, const CallInfo& call, const UserId& actor, const UserId&,
          const std::string&) { return groups.Delete(call, actor, "auditors"); }},
  };
  return roads;
}

TEST_F(TakenGroupRoles, LosingAReservedRoleByAGroupEndsSessionsAndTokensBeforeTheAnswer) {
  for (const Road& road : Roads()) {
    AddGroup("auditors", {"tessera.audit"});
    const std::string name = std::string("user.") + road.name[0];
    const UserId ada = AddMember("auditors", name);
    const IssuedGrant grant = MustLogin(name);
    ASSERT_THAT(ClaimsOf(grant).roles, ElementsAre("tessera.audit"));
    const absl::Status taken = road.take(*groups_, call_, admin_, ada, "tessera.audit");
    ASSERT_TRUE(taken.ok()) << road.name << ": " << taken;
    EXPECT_EQ(WhyInactive(grant.access_token), reason::kTokenRevoked) << road.name;
    EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant.refresh_token).status()), reason::kSessionEnded);
    EXPECT_EQ(Named(name).version, 2);
    const IssuedGrant fresh = MustLogin(name);
    EXPECT_THAT(ClaimsOf(fresh).roles, IsEmpty());
    // Doing it again finds nothing to take.
    road.take(*groups_, call_, admin_, ada, "tessera.audit").IgnoreError();
    EXPECT_TRUE(IsLive(fresh)) << road.name;
    groups_->Delete(call_, admin_, "auditors").IgnoreError();
  }
}

TEST_F(TakenGroupRoles, WhoHoldsTheRoleByOtherMeansLosesNothing) {
  AddGroup("others", {"tessera.audit"});
  for (const Road& road : Roads()) {
    AddGroup("auditors", {"tessera.audit"});
    const std::string suffix(1, road.name[0]);
    const UserId direct = AddMember("auditors", "direct." + suffix);
    const UserId grouped = AddMember("auditors", "grouped." + suffix);
    ASSERT_TRUE(roles_->Grant(call_, admin_, "tessera.audit", direct).ok());
    Join("others", grouped);
    for (const UserId& id : {direct, grouped}) {
      auto user = users_->Get(call_, UserKey(id));
      ASSERT_TRUE(user.ok());
      const IssuedGrant grant = MustLogin(user->username);
      const absl::Status taken = road.take(*groups_, call_, admin_, id, "tessera.audit");
      EXPECT_TRUE(taken.ok() || ReasonOf(taken) == reason::kGroupNotFound) << taken;
      EXPECT_TRUE(IsLive(grant)) << road.name;
    }
    groups_->Delete(call_, admin_, "auditors").IgnoreError();
  }
}

TEST_F(TakenGroupRoles, TakingTheUsersOwnGrantEndsNothingWhileAGroupGivesTheRole) {
  AddGroup("auditors", {"tessera.audit"});
  const UserId ada = AddMember("auditors", "ada");
  ASSERT_TRUE(roles_->Grant(call_, admin_, "tessera.audit", ada).ok());
  const IssuedGrant grant = MustLogin("ada");
  ASSERT_TRUE(roles_->Revoke(call_, admin_, "tessera.audit", ada).ok());
  EXPECT_TRUE(IsLive(grant));
  EXPECT_THAT(ClaimsOf(MustRenew(grant)).roles, ElementsAre("tessera.audit"));
}

TEST_F(TakenGroupRoles, AnOrdinaryRoleLeavesTokensAloneUnlessTheServerSaysOtherwise) {
  AddRole("writer");
  for (const bool at_once : {false, true}) {
    groups_ = MakeGroups(at_once);
    for (const Road& road : Roads()) {
      AddGroup("auditors", {"writer"});
      const std::string name =
          std::string(at_once ? "strict." : "lax.") + std::string(1, road.name[0]);
      const UserId ada = AddMember("auditors", name);
      const IssuedGrant grant = MustLogin(name);
      ASSERT_TRUE(road.take(*groups_, call_, admin_, ada, "writer").ok()) << road.name;
      EXPECT_EQ(IsLive(grant), !at_once) << road.name;
      EXPECT_THAT(Held(ada), IsEmpty());
      groups_->Delete(call_, admin_, "auditors").IgnoreError();
    }
  }
}

TEST_F(TakenGroupRoles, AUsersOwnOrdinaryRoleEndsTokensWhereTheServerSaysSo) {
  AddRole("writer");
  const RoleFacade strict({"orders", "tessera"},
                          RoleFacade::Parts{*store_, *feed_, clock_, log_, audit_, {}, true});
  const UserId ada = Add("ada").id;
  ASSERT_TRUE(strict.Grant(call_, admin_, "writer", ada).ok());
  const IssuedGrant grant = MustLogin("ada");
  ASSERT_TRUE(strict.Revoke(call_, admin_, "writer", ada).ok());
  EXPECT_EQ(WhyInactive(grant.access_token), reason::kTokenRevoked);
}

TEST_F(TakenGroupRoles, AllMembersOfALargeGroupLoseTheirTokensOnce) {
  constexpr int kMany = 2 * kEndBatch + 5;
  AddGroup("auditors", {"tessera.audit"});
  const std::vector<UserId> members = AddManyMembers("auditors", kMany);
  ASSERT_TRUE(groups_->RevokeRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  EXPECT_EQ(VersionsOf(members), (std::map<int64_t, int>{{2, kMany}}));
  ASSERT_TRUE(groups_->RevokeRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  EXPECT_EQ(VersionsOf(members), (std::map<int64_t, int>{{2, kMany}}));
  Give("auditors", "tessera.audit");
  ASSERT_TRUE(groups_->Delete(call_, admin_, "auditors").ok());
  EXPECT_EQ(VersionsOf(members), (std::map<int64_t, int>{{3, kMany}}));
  EXPECT_EQ(ReasonOf(groups_->Delete(call_, admin_, "auditors")), reason::kGroupNotFound);
}

// As a server leaves it that dies behind the first of its transactions.
TEST_F(TakenGroupRoles, WhatWasCutOffIsDoneByDoingItAgain) {
  constexpr int kMany = kEndBatch + 3;
  AddGroup("auditors", {"tessera.audit"});
  const std::vector<UserId> members = AddManyMembers("auditors", kMany);
  Write([&](storage::Repositories& in) -> absl::Status {
    const auto group = in.groups.FindByName("auditors");
    const auto role = in.roles.FindByName("tessera.audit");
    EXPECT_TRUE(*in.groups.BeginLoss((*group)->id, (*role)->id, clock_.Now()));
    const auto more = EndNextMembers(in, (*group)->id, (*role)->id, clock_.Now());
    EXPECT_TRUE(more.ok() && *more);
    return more.status();
  });
  EXPECT_EQ(VersionsOf(members), (std::map<int64_t, int>{{1, 3}, {2, kEndBatch}}));
  for (const UserId& member : members) EXPECT_THAT(Held(member), IsEmpty());
  ASSERT_TRUE(groups_->RevokeRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  EXPECT_EQ(VersionsOf(members), (std::map<int64_t, int>{{2, kMany}}));
}

// The member whose turn has not come yet must not slip out of the group with live tokens.
TEST_F(TakenGroupRoles, WhoLeavesWhileTheRoleIsBeingLostLosesTheTokensToo) {
  AddGroup("auditors", {"tessera.audit"});
  const UserId ada = AddMember("auditors", "ada");
  const IssuedGrant grant = MustLogin("ada");
  Write([&](storage::Repositories& in) -> absl::Status {
    const auto group = in.groups.FindByName("auditors");
    const auto role = in.roles.FindByName("tessera.audit");
    return in.groups.BeginLoss((*group)->id, (*role)->id, clock_.Now()).status();
  });
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"auditors", ada}).ok());
  EXPECT_EQ(WhyInactive(grant.access_token), reason::kTokenRevoked);
}

TEST_F(TakenGroupRoles, TheLastAdministratorByAGroupCannotGoByAnyRoad) {
  MoveAdministrationTo("auditors");
  const IssuedGrant grant = MustLogin("admin");
  for (const Road& road : Roads()) {
    const absl::Status status = road.take(*groups_, call_, admin_, admin_, kAdmin);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << road.name;
    EXPECT_EQ(ReasonOf(status), reason::kLastAdministrator) << road.name;
  }
  EXPECT_EQ(ReasonOf(SetState(admin_, storage::UserState::kDisabled).status()),
            reason::kLastAdministrator);
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, admin_, "")), reason::kLastAdministrator);
  EXPECT_THAT(Members("auditors"), ElementsAre("admin"));
  EXPECT_THAT(Held(admin_), ElementsAre(kAdmin));
  EXPECT_TRUE(IsLive(grant));
}

TEST_F(TakenGroupRoles, AnAdministratorByAGroupMayGoWhileAnotherIsLeft) {
  AddGroup("auditors", {kAdmin});
  const UserId second = AddMember("auditors", "second");
  const UserId third = Add("third").id;
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, admin_).ok());
  EXPECT_EQ(ReasonOf(groups_->RemoveMember(call_, second, {"auditors", second})),
            reason::kLastAdministrator);
  ASSERT_TRUE(groups_->AddMember(call_, second, {"auditors", third}).ok());
  EXPECT_TRUE(groups_->RemoveMember(call_, second, {"auditors", second}).ok());
  EXPECT_EQ(ReasonOf(groups_->Delete(call_, third, "auditors")), reason::kLastAdministrator);
}

TEST_F(TakenGroupRoles, ADisabledMemberIsNobodyWhoStays) {
  AddGroup("auditors", {kAdmin});
  const UserId second = AddMember("auditors", "second");
  ASSERT_TRUE(SetState(second, storage::UserState::kDisabled).ok());
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, admin_, kAdminRole, admin_)),
            reason::kLastAdministrator);
}

TEST_F(TakenGroupRoles, AnAdministratorByAGroupMayAdministerAndNoLongerThanThat) {
  AddGroup("auditors", {kAdmin});
  const UserId second = AddMember("auditors", "second");
  EXPECT_TRUE(groups_->Create(call_, second, {"made", ""}).ok());
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"auditors", second}).ok());
  EXPECT_EQ(ReasonOf(groups_->Create(call_, second, {"more", ""}).status()), reason::kRoleRequired);
}

TEST_F(TakenGroupRoles, ALoginThatRacesTheLossDoesNotSurviveIt) {
  AddGroup("auditors", {"tessera.audit"});
  const UserId ada = AddMember("auditors", "ada");
  auto verified = CheckLogin("ada");
  ASSERT_TRUE(verified.ok());
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"auditors", ada}).ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *verified).status()), reason::kBadCredentials);
}

}  // namespace
}  // namespace tessera::server
