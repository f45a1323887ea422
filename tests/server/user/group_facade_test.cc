#include "server/user/group_facade.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/server/user/group_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;
using GroupFacadeTest = GroupRoom;

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
