#include "server/user/group_facade.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "server/auth/lost_roles.h"
#include "server/auth/session_ender.h"
#include "server/auth/store_cleaner.h"
#include "tessera/token/token_verifier.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

class GroupFacadeTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    groups_ = MakeGroups(false);
  }
  std::unique_ptr<GroupFacade> MakeGroups(bool revoke_on_role_change) {
    return std::make_unique<GroupFacade>(
        GroupFacade::Parts{*store_, *feed_, clock_, log_, audit_, revoke_on_role_change});
  }
  void AddGroup(const std::string& name, const std::vector<std::string>& roles = {}) {
    const auto group = groups_->Create(call_, admin_, {name, ""});
    ASSERT_TRUE(group.ok()) << group.status();
    for (const std::string& role : roles) Give(name, role);
  }
  void AddRole(const std::string& name) {
    ASSERT_TRUE(roles_->Create(call_, admin_, {name, "", {}}).ok());
  }
  void Give(const std::string& group, const std::string& role) {
    const absl::Status given = groups_->GrantRole(call_, admin_, {group, role});
    ASSERT_TRUE(given.ok()) << given;
  }
  void Join(const std::string& group, const UserId& user) {
    const absl::Status joined = groups_->AddMember(call_, admin_, {group, user});
    ASSERT_TRUE(joined.ok()) << joined;
  }
  UserId AddMember(const std::string& group, const std::string& name) {
    const UserId id = Add(name).id;
    Join(group, id);
    return id;
  }
  // The first administrator holds the role by the group alone from now on.
  void MoveAdministrationTo(const std::string& group) {
    AddGroup(group, {std::string(kAdminRole)});
    Join(group, admin_);
    ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, admin_).ok());
  }

  RoleLookup Lookup(const UserId& user) {
    auto lookup = roles_->Lookup(call_, UserKey(user));
    EXPECT_TRUE(lookup.ok()) << lookup.status();
    return *std::move(lookup);
  }
  std::vector<std::string> Held(const UserId& user) {
    std::vector<std::string> names;
    for (const storage::HeldRole& held : Lookup(user).roles) names.push_back(held.role.name);
    return names;
  }
  RoleCheck Check(const UserKey& who, const std::string& role) {
    auto check = roles_->Check(call_, who, role);
    EXPECT_TRUE(check.ok()) << check.status();
    return *std::move(check);
  }
  std::vector<std::string> Members(const std::string& group) {
    std::vector<std::string> names;
    std::string token;
    do {
      auto page = groups_->ListMembers(call_, group, 2, token);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const storage::User& user : page->users) names.push_back(user.username);
      token = page->next_page_token;
    } while (!token.empty());
    return names;
  }
  IssuedGrant MustLogin(const std::string& name, bool include_groups = false) {
    LoginInput input{name, Secret::CopyOf(kPassword), ""};
    input.terms.include_groups = include_groups;
    auto attempt = auth_->BeginLogin(call_, std::move(input));
    EXPECT_TRUE(attempt.ok()) << attempt.status();
    auto verified = auth_->CheckPassword(call_, *std::move(attempt));
    EXPECT_TRUE(verified.ok()) << verified.status();
    auto grant = auth_->OpenSession(call_, *verified);
    EXPECT_TRUE(grant.ok()) << grant.status();
    return *std::move(grant);
  }
  Claims ClaimsOf(const IssuedGrant& grant) {
    auto known = auth_->Validate(grant.access_token);
    EXPECT_TRUE(known.ok() && known->claims != nullptr);
    return known.ok() && known->claims != nullptr ? *known->claims : Claims();
  }
  IssuedGrant MustRenew(const IssuedGrant& grant) {
    auto next = auth_->Renew(call_, grant.refresh_token);
    EXPECT_TRUE(next.ok()) << next.status();
    return *std::move(next);
  }
  bool IsLive(const IssuedGrant& grant) { return WhyInactive(grant.access_token).empty(); }

  void Write(const std::function<absl::Status(storage::Repositories&)>& work) {
    const absl::Status written =
        store_->Write(storage::Repeat::kOnce, absl::InfiniteFuture(), work);
    ASSERT_TRUE(written.ok()) << written;
  }
  // Without hashes, so that there can be many.
  std::vector<UserId> AddManyMembers(const std::string& group, int count) {
    std::vector<UserId> ids;
    Write([&](storage::Repositories& in) -> absl::Status {
      ids.clear();
      const auto found = in.groups.FindByName(group);
      for (int i = 0; i < count; ++i) {
        storage::User user;
        user.id = UserId::Random(clock_.Now());
        user.username = "member" + std::to_string(i);
        user.created_at = user.updated_at = clock_.Now();
        if (auto status = in.users.Insert(user); !status.ok()) return status;
        if (auto status = in.groups.AddMember((*found)->id, user.id, clock_.Now()); !status.ok()) {
          return status;
        }
        ids.push_back(user.id);
      }
      return absl::OkStatus();
    });
    return ids;
  }
  // How many of them have had all their tokens ended so often.
  std::map<int64_t, int> VersionsOf(const std::vector<UserId>& ids) {
    std::map<int64_t, int> versions;
    for (const UserId& id : ids) {
      auto user = users_->Get(call_, UserKey(id));
      EXPECT_TRUE(user.ok());
      if (user.ok()) ++versions[user->version];
    }
    return versions;
  }

  std::unique_ptr<GroupFacade> groups_;
};

const std::string kAdmin(kAdminRole);  // NOLINT(cert-err58-cpp)

TEST_F(GroupFacadeTest, NamesAreOneTo64OfTheAlphabetAndUnique) {
  AddGroup(std::string(64, 'g'));
  for (const std::string& name : {std::string(), std::string(65, 'g'), std::string("Upper"),
                                  std::string("a@b"), std::string("a b")}) {
    EXPECT_EQ(FieldOf(groups_->Create(call_, admin_, {name, ""}).status()), "group.name") << name;
  }
  EXPECT_EQ(FieldOf(groups_->Create(call_, admin_, {"g", "a\nb"}).status()), "group.description");
  EXPECT_EQ(ReasonOf(groups_->Create(call_, admin_, {std::string(64, 'g'), ""}).status()),
            reason::kGroupNameTaken);
}

TEST_F(GroupFacadeTest, ListsComeAPageAtATimeWithTheirRoles) {
  AddRole("writer");
  AddGroup("b", {"writer"});
  AddGroup("a");
  AddGroup("c");
  auto first = groups_->List(call_, 2, "");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->groups.size(), 2u);
  EXPECT_EQ(first->groups[0].name, "a");
  EXPECT_THAT(first->groups[1].roles, ElementsAre("writer"));
  auto rest = groups_->List(call_, 2, first->next_page_token);
  ASSERT_TRUE(rest.ok());
  ASSERT_EQ(rest->groups.size(), 1u);
  EXPECT_EQ(rest->next_page_token, "");
  // One list's token is none of another's.
  EXPECT_EQ(FieldOf(groups_->ListMembers(call_, "a", 2, first->next_page_token).status()),
            "page_token");
}

TEST_F(GroupFacadeTest, MembersJoinAndLeaveAndRepeatingChangesNothing) {
  AddGroup("writers");
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back("user" + std::to_string(i));
    const UserId id = Add(names.back()).id;
    for (int times = 0; times < 2; ++times) Join("writers", id);
  }
  EXPECT_THAT(Members("writers"), UnorderedElementsAreArray(names));
  const UserId leaving = Named("user0").id;
  for (int times = 0; times < 2; ++times) {
    EXPECT_TRUE(groups_->RemoveMember(call_, admin_, {"writers", leaving}).ok());
  }
  names.erase(names.begin());
  EXPECT_THAT(Members("writers"), UnorderedElementsAreArray(names));
}

TEST_F(GroupFacadeTest, WhatIsUnknownIsNamed) {
  AddGroup("writers");
  AddRole("writer");
  const UserId ada = Add("ada").id;
  const UserId nobody("usr_nobody");
  EXPECT_EQ(ReasonOf(groups_->AddMember(call_, admin_, {"none", ada})), reason::kGroupNotFound);
  EXPECT_EQ(ReasonOf(groups_->AddMember(call_, admin_, {"writers", nobody})),
            reason::kUserNotFound);
  EXPECT_EQ(ReasonOf(groups_->RemoveMember(call_, admin_, {"none", ada})), reason::kGroupNotFound);
  EXPECT_EQ(ReasonOf(groups_->RemoveMember(call_, admin_, {"writers", nobody})),
            reason::kUserNotFound);
  EXPECT_EQ(ReasonOf(groups_->GrantRole(call_, admin_, {"none", "writer"})),
            reason::kGroupNotFound);
  EXPECT_EQ(ReasonOf(groups_->GrantRole(call_, admin_, {"writers", "none"})),
            reason::kRoleNotFound);
  EXPECT_EQ(ReasonOf(groups_->RevokeRole(call_, admin_, {"none", "writer"})),
            reason::kGroupNotFound);
  EXPECT_EQ(ReasonOf(groups_->RevokeRole(call_, admin_, {"writers", "none"})),
            reason::kRoleNotFound);
  EXPECT_EQ(ReasonOf(groups_->Delete(call_, admin_, "none")), reason::kGroupNotFound);
  EXPECT_EQ(ReasonOf(groups_->ListMembers(call_, "none", 0, "").status()), reason::kGroupNotFound);
}

// The guard let them in; by now they may not.
TEST_F(GroupFacadeTest, WhoMayNotAdministerAnyMoreChangesNothing) {
  AddRole("writer");
  AddGroup("writers", {"writer"});
  const UserId ada = AddMember("writers", "ada");
  const UserId former = AddAdministrator("former").id;
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, former).ok());
  EXPECT_EQ(ReasonOf(groups_->Create(call_, former, {"new", ""}).status()), reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(groups_->Delete(call_, former, "writers")), reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(groups_->AddMember(call_, former, {"writers", former})),
            reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(groups_->RemoveMember(call_, former, {"writers", ada})),
            reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(groups_->GrantRole(call_, former, {"writers", kAdmin})),
            reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(groups_->RevokeRole(call_, former, {"writers", "writer"})),
            reason::kRoleRequired);
  EXPECT_THAT(Members("writers"), ElementsAre("ada"));
  EXPECT_THAT(Held(ada), ElementsAre("writer"));
}

TEST_F(GroupFacadeTest, AGroupsRoleReachesTokensAtTheNextRenewalAndLeavesThemLikewise) {
  AddRole("writer");
  AddGroup("writers", {"writer"});
  const UserId ada = Add("ada").id;
  IssuedGrant grant = MustLogin("ada");
  EXPECT_THAT(ClaimsOf(grant).roles, IsEmpty());
  Join("writers", ada);
  EXPECT_THAT(ClaimsOf(MustLogin("ada")).roles, ElementsAre("writer"));
  grant = MustRenew(grant);
  EXPECT_THAT(ClaimsOf(grant).roles, ElementsAre("writer"));
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"writers", ada}).ok());
  EXPECT_TRUE(IsLive(grant));
  grant = MustRenew(grant);
  EXPECT_THAT(ClaimsOf(grant).roles, IsEmpty());
}

TEST_F(GroupFacadeTest, ALookupSaysWhereEachRoleComesFromAndWhatKindOfUserItIs) {
  AddRole("writer");
  AddGroup("writers", {"writer"});
  AddGroup("authors", {"writer"});
  const UserId ada = AddMember("writers", "ada");
  Join("authors", ada);
  ASSERT_TRUE(roles_->Grant(call_, admin_, "writer", ada).ok());
  const RoleLookup lookup = Lookup(ada);
  EXPECT_EQ(lookup.kind, UserKind::kUser);
  ASSERT_EQ(lookup.roles.size(), 1u);
  EXPECT_TRUE(lookup.roles[0].direct);
  EXPECT_THAT(lookup.roles[0].groups, ElementsAre("authors", "writers"));
  Give("authors", kAdmin);
  EXPECT_EQ(Lookup(ada).kind, UserKind::kAdmin);
  EXPECT_FALSE(Lookup(ada).roles[0].direct);
}

TEST_F(GroupFacadeTest, ACheckAnswersWhetherWhereFromAndForWhom) {
  AddRole("writer");
  AddRole("other");
  AddGroup("writers", {"writer"});
  const UserId ada = AddMember("writers", "ada");
  RoleCheck check = Check(UserKey(std::string("Ada")), "writer");
  EXPECT_TRUE(check.held);
  EXPECT_FALSE(check.direct);
  EXPECT_THAT(check.groups, ElementsAre("writers"));
  EXPECT_EQ(check.kind, UserKind::kUser);
  EXPECT_FALSE(Check(UserKey(ada), "other").held);
  EXPECT_EQ(Check(UserKey(admin_), kAdmin).kind, UserKind::kAdmin);
  EXPECT_TRUE(Check(UserKey(admin_), kAdmin).direct);
  check = Check(UserKey(std::string("nobody")), "writer");
  EXPECT_FALSE(check.held);
  EXPECT_EQ(check.kind, UserKind::kNoOne);
  EXPECT_EQ(ReasonOf(roles_->Check(call_, UserKey(ada), "none").status()), reason::kRoleNotFound);
}

TEST_F(GroupFacadeTest, ADisabledUserHoldsNothing) {
  AddRole("writer");
  AddGroup("writers", {"writer"});
  const UserId ada = AddMember("writers", "ada");
  ASSERT_TRUE(SetState(ada, storage::UserState::kDisabled).ok());
  const RoleCheck check = Check(UserKey(ada), "writer");
  EXPECT_FALSE(check.held);
  EXPECT_THAT(check.groups, ElementsAre("writers"));
}

TEST_F(GroupFacadeTest, TokensNameTheGroupsOnlyWhereTheLoginAskedForThem) {
  AddGroup("writers");
  AddGroup("authors");
  const UserId ada = AddMember("writers", "ada");
  Join("authors", ada);
  EXPECT_THAT(ClaimsOf(MustLogin("ada")).groups, IsEmpty());
  EXPECT_THAT(ClaimsOf(MustLogin("ada", true)).groups, ElementsAre("authors", "writers"));
}

TEST_F(GroupFacadeTest, ARenewalNamesTheGroupsAsTheyAreThen) {
  AddGroup("writers");
  AddGroup("authors");
  const UserId ada = AddMember("writers", "ada");
  IssuedGrant with = MustLogin("ada", true);
  IssuedGrant without = MustLogin("ada");
  Join("authors", ada);
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"writers", ada}).ok());
  EXPECT_THAT(ClaimsOf(MustRenew(with)).groups, ElementsAre("authors"));
  EXPECT_THAT(ClaimsOf(MustRenew(without)).groups, IsEmpty());
}

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

TEST_F(GroupFacadeTest, LosingAReservedRoleByAGroupEndsSessionsAndTokensBeforeTheAnswer) {
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

TEST_F(GroupFacadeTest, WhoHoldsTheRoleByOtherMeansLosesNothing) {
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

TEST_F(GroupFacadeTest, TakingTheUsersOwnGrantEndsNothingWhileAGroupGivesTheRole) {
  AddGroup("auditors", {"tessera.audit"});
  const UserId ada = AddMember("auditors", "ada");
  ASSERT_TRUE(roles_->Grant(call_, admin_, "tessera.audit", ada).ok());
  const IssuedGrant grant = MustLogin("ada");
  ASSERT_TRUE(roles_->Revoke(call_, admin_, "tessera.audit", ada).ok());
  EXPECT_TRUE(IsLive(grant));
  EXPECT_THAT(ClaimsOf(MustRenew(grant)).roles, ElementsAre("tessera.audit"));
}

TEST_F(GroupFacadeTest, AnOrdinaryRoleLeavesTokensAloneUnlessTheServerSaysOtherwise) {
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

TEST_F(GroupFacadeTest, AUsersOwnOrdinaryRoleEndsTokensWhereTheServerSaysSo) {
  AddRole("writer");
  const RoleFacade strict({"orders", "tessera"},
                          RoleFacade::Parts{*store_, *feed_, clock_, log_, audit_, {}, true});
  const UserId ada = Add("ada").id;
  ASSERT_TRUE(strict.Grant(call_, admin_, "writer", ada).ok());
  const IssuedGrant grant = MustLogin("ada");
  ASSERT_TRUE(strict.Revoke(call_, admin_, "writer", ada).ok());
  EXPECT_EQ(WhyInactive(grant.access_token), reason::kTokenRevoked);
}

TEST_F(GroupFacadeTest, AllMembersOfALargeGroupLoseTheirTokensOnce) {
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
TEST_F(GroupFacadeTest, WhatWasCutOffIsDoneByDoingItAgain) {
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
TEST_F(GroupFacadeTest, WhoLeavesWhileTheRoleIsBeingLostLosesTheTokensToo) {
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

TEST_F(GroupFacadeTest, TheLastAdministratorByAGroupCannotGoByAnyRoad) {
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

TEST_F(GroupFacadeTest, AnAdministratorByAGroupMayGoWhileAnotherIsLeft) {
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

TEST_F(GroupFacadeTest, ADisabledMemberIsNobodyWhoStays) {
  AddGroup("auditors", {kAdmin});
  const UserId second = AddMember("auditors", "second");
  ASSERT_TRUE(SetState(second, storage::UserState::kDisabled).ok());
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, admin_, kAdminRole, admin_)),
            reason::kLastAdministrator);
}

TEST_F(GroupFacadeTest, AnAdministratorByAGroupMayAdministerAndNoLongerThanThat) {
  AddGroup("auditors", {kAdmin});
  const UserId second = AddMember("auditors", "second");
  EXPECT_TRUE(groups_->Create(call_, second, {"made", ""}).ok());
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"auditors", second}).ok());
  EXPECT_EQ(ReasonOf(groups_->Create(call_, second, {"more", ""}).status()), reason::kRoleRequired);
}

TEST_F(GroupFacadeTest, ALoginThatRacesTheLossDoesNotSurviveIt) {
  AddGroup("auditors", {"tessera.audit"});
  const UserId ada = AddMember("auditors", "ada");
  auto verified = CheckLogin("ada");
  ASSERT_TRUE(verified.ok());
  ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"auditors", ada}).ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *verified).status()), reason::kBadCredentials);
}

TEST_F(GroupFacadeTest, EachChangeIsAuditedOnceAndWhatChangesNothingIsNot) {
  AddRole("writer");
  const UserId ada = Add("ada").id;
  audit_.Take();
  AddGroup("writers", {"writer"});
  Join("writers", ada);
  const std::string group = groups_->List(call_, 1, "")->groups.front().id.str();
  const std::string by = " " + admin_.str() + " ";
  EXPECT_THAT(audit_.Take(), ElementsAre("group.created" + by + group + " group=writers",
                                         "role.granted" + by + group + " role=writer group=writers",
                                         "group.member_added" + by + ada.str() + " group=writers"));
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(groups_->RemoveMember(call_, admin_, {"writers", ada}).ok());
    ASSERT_TRUE(groups_->RevokeRole(call_, admin_, {"writers", "writer"}).ok());
  }
  ASSERT_TRUE(groups_->Delete(call_, admin_, "writers").ok());
  EXPECT_THAT(audit_.Take(), ElementsAre("group.member_removed" + by + ada.str() + " group=writers",
                                         "role.revoked" + by + group + " role=writer group=writers",
                                         "group.deleted" + by + group + " group=writers"));
}

TEST_F(GroupFacadeTest, WithoutItsEventNothingIsChanged) {
  AddRole("writer");
  AddGroup("writers", {"writer"});
  const UserId ada = AddMember("writers", "ada");
  audit_.Answer(absl::UnavailableError("no"));
  EXPECT_FALSE(groups_->Create(call_, admin_, {"others", ""}).ok());
  EXPECT_FALSE(groups_->AddMember(call_, admin_, {"writers", admin_}).ok());
  EXPECT_FALSE(groups_->GrantRole(call_, admin_, {"writers", kAdmin}).ok());
  EXPECT_FALSE(groups_->RemoveMember(call_, admin_, {"writers", ada}).ok());
  EXPECT_FALSE(groups_->RevokeRole(call_, admin_, {"writers", "writer"}).ok());
  EXPECT_FALSE(groups_->Delete(call_, admin_, "writers").ok());
  EXPECT_THAT(Members("writers"), ElementsAre("ada"));
  EXPECT_THAT(Held(ada), ElementsAre("writer"));
  EXPECT_EQ(groups_->List(call_, 10, "")->groups.size(), 1u);
}

}  // namespace
}  // namespace tessera::server
