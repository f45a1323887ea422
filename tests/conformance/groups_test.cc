#include <gmock/gmock.h>

#include <algorithm>
#include <optional>
#include <set>

#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> UsernamesOf(const std::vector<User>& users) {
  std::vector<std::string> names;
  for (const User& user : users) names.push_back(user.username);
  return names;
}

class GroupRepositoryTest : public Conformance {
 protected:
  Group NewGroup(std::string name) {
    return {GroupId::Random(now()), std::move(name), "för alla", {}, now()};
  }
  Group AddGroup(std::string name) {
    Group group = NewGroup(std::move(name));
    Write([&](Repositories& r) { return r.groups.Insert(group); });
    return group;
  }
  void Join(const Group& group, const User& user) {
    Write([&](Repositories& r) { return r.groups.AddMember(group.id, user.id, now()); });
  }
  void Give(const Group& group, const Role& role) {
    Write([&](Repositories& r) { return r.groups.Grant(group.id, role.id, now()); });
  }
  Group Found(std::string_view name) {
    Group group;
    Read([&](Repositories& r) {
      group = Must(r.groups.FindByName(name)).value_or(Group());
      return absl::OkStatus();
    });
    return group;
  }
  std::vector<std::string> Held(const User& user) {
    std::vector<std::string> names;
    Read([&](Repositories& r) {
      names = NamesOf(Must(r.roles.HeldBy(user.id)));
      return absl::OkStatus();
    });
    return names;
  }
  int64_t ActiveHolders(const Role& role) {
    int64_t count = -1;
    Read([&](Repositories& r) {
      count = Must(r.roles.CountActiveHolders(role.id));
      return absl::OkStatus();
    });
    return count;
  }
  std::vector<User> Members(const Group& group, const UserId& after = {}, int limit = 10) {
    std::vector<User> members;
    Read([&](Repositories& r) {
      UserFilter filter;
      filter.group = group.id;
      members = Must(r.users.List(filter, after, limit));
      return absl::OkStatus();
    });
    return members;
  }
};

TEST_P(GroupRepositoryTest, FindsWhatWasInsertedWithItsRolesInOrder) {
  const Group group = AddGroup("writers");
  Give(group, AddRole("zebra"));
  Give(group, AddRole("apple"));
  AddGroup("others");
  const Group found = Found("writers");
  EXPECT_EQ(found.id.str(), group.id.str());
  EXPECT_EQ(found.description, group.description);
  EXPECT_EQ(found.created_at, group.created_at);
  EXPECT_THAT(found.roles, ElementsAre("apple", "zebra"));
  EXPECT_TRUE(Found("Writers").id.empty());
}

TEST_P(GroupRepositoryTest, ASecondGroupOfTheSameNameIsRefused) {
  const Group first = AddGroup("writers");
  const absl::Status status =
      TryWrite([&](Repositories& r) { return r.groups.Insert(NewGroup("writers")); });
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), reason::kGroupNameTaken);
  EXPECT_EQ(Found("writers").id.str(), first.id.str());
}

TEST_P(GroupRepositoryTest, PagesAreInTheOrderOfNamesByByteAndCountGroupsNotRoles) {
  const Role role = AddRole("one");
  const Role other = AddRole("two");
  for (const char* name : {"b", "a", "B", "c"}) {
    const Group group = AddGroup(name);
    Give(group, role);
    Give(group, other);
  }
  Read([&](Repositories& r) {
    EXPECT_THAT(NamesOf(Must(r.groups.List("", 10))), ElementsAre("B", "a", "b", "c"));
    const std::vector<Group> page = Must(r.groups.List("B", 2));
    EXPECT_THAT(NamesOf(page), ElementsAre("a", "b"));
    EXPECT_THAT(page[1].roles, ElementsAre("one", "two"));
    EXPECT_THAT(Must(r.groups.List("c", 2)), IsEmpty());
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, JoiningTwiceIsJoiningOnceAndLeavingEndsIt) {
  const User ada = AddUser("ada");
  const Group group = AddGroup("writers");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.groups.AddMember(group.id, ada.id, now()).ok());
    EXPECT_TRUE(r.groups.AddMember(group.id, ada.id, now()).ok());
    EXPECT_THAT(Must(r.groups.NamesOf(ada.id)), ElementsAre("writers"));
    EXPECT_TRUE(Must(r.groups.RemoveMember(group.id, ada.id)));
    EXPECT_FALSE(Must(r.groups.RemoveMember(group.id, ada.id)));
    EXPECT_THAT(Must(r.groups.NamesOf(ada.id)), IsEmpty());
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, WhatIsGoneIsNamed) {
  const User ada = AddUser("ada");
  const Role role = AddRole("admin");
  const Group group = AddGroup("writers");
  const auto reason_of = [&](Store::Work work) { return ReasonOf(TryWrite(work)); };
  EXPECT_EQ(reason_of([&](Repositories& r) {
              return r.groups.AddMember(group.id, UserId::Random(now()), now());
            }),
            reason::kUserNotFound);
  EXPECT_EQ(reason_of([&](Repositories& r) {
              return r.groups.AddMember(GroupId::Random(now()), ada.id, now());
            }),
            reason::kGroupNotFound);
  EXPECT_EQ(reason_of([&](Repositories& r) {
              return r.groups.Grant(group.id, RoleId::Random(now()), now());
            }),
            reason::kRoleNotFound);
  EXPECT_EQ(reason_of([&](Repositories& r) {
              return r.groups.Grant(GroupId::Random(now()), role.id, now());
            }),
            reason::kGroupNotFound);
}

TEST_P(GroupRepositoryTest, MembersComeInTheOrderOfTheirIdsAPageAtATime) {
  const Group group = AddGroup("writers");
  const Group other = AddGroup("readers");
  std::vector<std::string> joined;
  for (const char* name : {"ada", "bob", "cy"}) {
    const User user = AddUser(name);
    Join(group, user);
    Join(other, user);
    joined.push_back(user.id.str());
  }
  AddUser("nobody");
  std::sort(joined.begin(), joined.end());
  const std::vector<User> page = Members(group, {}, 2);
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].id.str(), joined[0]);
  EXPECT_EQ(page[1].id.str(), joined[1]);
  const std::vector<User> rest = Members(group, page[1].id, 2);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].id.str(), joined[2]);
}

TEST_P(GroupRepositoryTest, AUsersGroupsComeInTheOrderOfTheirNames) {
  const User ada = AddUser("ada");
  for (const char* name : {"zoo", "ark"}) Join(AddGroup(name), ada);
  Join(AddGroup("mid"), AddUser("bob"));
  Read([&](Repositories& r) {
    EXPECT_THAT(Must(r.groups.NamesOf(ada.id)), ElementsAre("ark", "zoo"));
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, EffectiveRolesAreTheUnionEachOnceWithItsAudiences) {
  const User ada = AddUser("ada");
  const Role both = AddRole("both", {"orders", "billing"});
  const Role direct = AddRole("direct");
  const Role grouped = AddRole("grouped", {"orders"});
  AddRole("neither");
  const Group writers = AddGroup("writers");
  const Group readers = AddGroup("readers");
  for (const Group& group : {writers, readers}) {
    Join(group, ada);
    Give(group, both);
  }
  Give(readers, grouped);
  Give(AddGroup("strangers"), AddRole("strange"));
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.roles.Grant(both.id, ada.id, now()).ok());
    return r.roles.Grant(direct.id, ada.id, now());
  });
  Read([&](Repositories& r) {
    const std::vector<Role> held = Must(r.roles.HeldBy(ada.id));
    EXPECT_THAT(NamesOf(held), ElementsAre("both", "direct", "grouped"));
    EXPECT_THAT(held[0].audiences, ElementsAre("orders", "billing"));
    EXPECT_THAT(held[2].audiences, ElementsAre("orders"));
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, HoldingsSayWhereEachRoleComesFrom) {
  const User ada = AddUser("ada");
  const Role both = AddRole("both", {"a", "b"});
  const Role grouped = AddRole("grouped");
  for (const char* name : {"zoo", "ark"}) {
    const Group group = AddGroup(name);
    Join(group, ada);
    Give(group, both);
    if (group.name == "zoo") Give(group, grouped);
  }
  Write([&](Repositories& r) { return r.roles.Grant(both.id, ada.id, now()); });
  Read([&](Repositories& r) {
    const std::vector<HeldRole> held = Must(r.roles.HoldingsOf(ada.id));
    EXPECT_EQ(held.size(), 2u);
    if (held.size() != 2) return absl::OkStatus();
    EXPECT_EQ(held[0].role.name, "both");
    EXPECT_THAT(held[0].role.audiences, ElementsAre("a", "b"));
    EXPECT_TRUE(held[0].direct);
    EXPECT_THAT(held[0].groups, ElementsAre("ark", "zoo"));
    EXPECT_EQ(held[1].role.name, "grouped");
    EXPECT_FALSE(held[1].direct);
    EXPECT_THAT(held[1].groups, ElementsAre("zoo"));
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, AHolderByManyRoadsIsCountedOnceAndOnlyIfActive) {
  User ada = AddUser("ada");
  const User bob = AddUser("bob");
  const Role role = AddRole("admin");
  for (const char* name : {"one", "two"}) {
    const Group group = AddGroup(name);
    Give(group, role);
    Join(group, ada);
    Join(group, bob);
  }
  Write([&](Repositories& r) { return r.roles.Grant(role.id, ada.id, now()); });
  EXPECT_EQ(ActiveHolders(role), 2);
  Write([&](Repositories& r) {
    ada.state = UserState::kDisabled;
    return r.users.Update(ada, 1).status();
  });
  EXPECT_EQ(ActiveHolders(role), 1);
}

TEST_P(GroupRepositoryTest, AListByRoleShowsWhoHoldsItInEffect) {
  const User ada = AddUser("ada");
  const User bob = AddUser("bob");
  AddUser("cy");
  const Role role = AddRole("admin");
  const Group group = AddGroup("writers");
  Give(group, role);
  Join(group, ada);
  Join(group, bob);
  Write([&](Repositories& r) { return r.roles.Grant(role.id, bob.id, now()); });
  Read([&](Repositories& r) {
    UserFilter filter;
    filter.role = role.id;
    const std::vector<User> held = Must(r.users.List(filter, {}, 10));
    EXPECT_THAT(UsernamesOf(held), ::testing::UnorderedElementsAre("ada", "bob"));
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, AStandingHasTheRolesOfTheUsersGroups) {
  const User ada = AddUser("ada");
  const Role writer = AddRole("writer", {"orders", "billing"});
  const Role reader = AddRole("reader");
  const Group group = AddGroup("writers");
  Give(group, writer);
  Give(group, reader);
  Join(group, ada);
  Write([&](Repositories& r) { return r.roles.Grant(writer.id, ada.id, now()); });
  const Session session = AddSession(ada.id);
  Read([&](Repositories& r) {
    const auto found = Must(r.sessions.FindStanding(session.id));
    EXPECT_TRUE(found.has_value());
    if (!found.has_value()) return absl::OkStatus();
    EXPECT_THAT(NamesOf(found->roles), ElementsAre("reader", "writer"));
    EXPECT_THAT(found->roles.back().audiences, ElementsAre("orders", "billing"));
    EXPECT_THAT(found->groups, IsEmpty());  // not asked for
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, AStandingNamesTheGroupsWhereTheSessionIncludesThem) {
  const User ada = AddUser("ada");
  for (const char* name : {"zoo", "ark"}) Join(AddGroup(name), ada);
  Session session = NewSession(ada.id);
  session.include_groups = true;
  Write([&](Repositories& r) { return r.sessions.Insert(session); });
  Read([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Find(session.id))->include_groups);
    EXPECT_THAT(Must(r.sessions.FindStanding(session.id))->groups, ElementsAre("ark", "zoo"));
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, WhatTheGroupGaveGoesWithTheGroupTheRoleAndTheMembership) {
  const User ada = AddUser("ada");
  const Role role = AddRole("role");
  const Role other = AddRole("other");
  const Group one = AddGroup("one");
  const Group two = AddGroup("two");
  for (const Group& group : {one, two}) Join(group, ada);
  Give(one, role);
  Give(two, other);
  EXPECT_THAT(Held(ada), ElementsAre("other", "role"));
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.groups.Delete(one.id)));
    EXPECT_FALSE(Must(r.groups.Delete(one.id)));
    return absl::OkStatus();
  });
  EXPECT_THAT(Held(ada), ElementsAre("other"));
  Write([&](Repositories& r) { return r.roles.Delete(other.id, now()).status(); });
  EXPECT_THAT(Held(ada), IsEmpty());
  EXPECT_THAT(Found("two").roles, IsEmpty());
}

TEST_P(GroupRepositoryTest, ADeletedUserIsInNoGroup) {
  const User ada = AddUser("ada");
  const Group group = AddGroup("writers");
  Join(group, ada);
  Write([&](Repositories& r) { return r.users.Delete(ada.id).status(); });
  EXPECT_THAT(Members(group), IsEmpty());
}

TEST_P(GroupRepositoryTest, ARoleThatIsBeingLostIsHeldByNobody) {
  const User ada = AddUser("ada");
  const Role role = AddRole("admin");
  const Group group = AddGroup("writers");
  Give(group, role);
  Join(group, ada);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.groups.BeginLoss(group.id, role.id, now())));
    return absl::OkStatus();
  });
  EXPECT_THAT(Held(ada), IsEmpty());
  EXPECT_THAT(Found("writers").roles, IsEmpty());
  EXPECT_EQ(ActiveHolders(role), 0);
}

TEST_P(GroupRepositoryTest, ALossIsTakenUpWhereItWasCutOffUntilItEnds) {
  const Role role = AddRole("admin");
  const Group group = AddGroup("writers");
  Give(group, role);
  const UserId until = UserId::Random(now());
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.groups.BeginLoss(group.id, role.id, now())));
    return r.groups.AdvanceLoss(group.id, role.id, until);
  });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.groups.BeginLoss(group.id, role.id, now())));
    const std::vector<GroupLoss> losses = Must(r.groups.LossesOf(group.id));
    EXPECT_EQ(losses.size(), 1u);
    if (losses.size() != 1) return absl::OkStatus();
    EXPECT_EQ(losses[0].role, "admin");
    EXPECT_EQ(losses[0].role_id.str(), role.id.str());
    EXPECT_EQ(losses[0].ended_until.str(), until.str());
    EXPECT_TRUE(r.groups.EndLoss(group.id, role.id).ok());
    EXPECT_THAT(Must(r.groups.LossesOf(group.id)), IsEmpty());
    EXPECT_FALSE(Must(r.groups.BeginLoss(group.id, role.id, now())));
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, GrantingAgainEndsALoss) {
  const User ada = AddUser("ada");
  const Role role = AddRole("admin");
  const Group group = AddGroup("writers");
  Join(group, ada);
  Give(group, role);
  Write([&](Repositories& r) { return r.groups.BeginLoss(group.id, role.id, now()).status(); });
  Give(group, role);
  EXPECT_THAT(Held(ada), ElementsAre("admin"));
  Read([&](Repositories& r) {
    EXPECT_THAT(Must(r.groups.LossesOf(group.id)), IsEmpty());
    return absl::OkStatus();
  });
}

TEST_P(GroupRepositoryTest, ALossDoesNotKeepItsGroupOrItsRoleFromBeingDeleted) {
  const Role role = AddRole("one");
  const Role other = AddRole("two");
  const Group group = AddGroup("writers");
  for (const Role& each : {role, other}) {
    Give(group, each);
    Write([&](Repositories& r) { return r.groups.BeginLoss(group.id, each.id, now()).status(); });
  }
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.roles.Delete(role.id, now())));
    EXPECT_TRUE(Must(r.groups.Delete(group.id)));
    EXPECT_GT(Must(r.roles.PurgeDeleted(100)), 0);
    return absl::OkStatus();
  });
}

// Whoever takes losses up knows no group's name.
TEST_P(GroupRepositoryTest, TheNextLossIsTheSameUntilItIsOverAndThenAnother) {
  const Role role = AddRole("admin");
  std::set<std::string> groups;
  for (const char* name : {"one", "two", "three"}) {
    const Group group = AddGroup(name);
    Give(group, role);
    if (group.name != "two") groups.insert(group.id.str());
  }
  for (const std::string& id : groups) {
    Write(
        [&](Repositories& r) { return r.groups.BeginLoss(GroupId(id), role.id, now()).status(); });
  }
  const UserId until = UserId::Random(now());
  std::set<std::string> found;
  Write([&](Repositories& r) -> absl::Status {
    for (size_t i = 0; i < groups.size(); ++i) {
      const std::optional<GroupLoss> loss = Must(r.groups.NextLoss());
      if (!loss.has_value()) return absl::InternalError("a loss is missing");
      found.insert(loss->group_id.str());
      EXPECT_EQ(loss->role, "admin");
      EXPECT_EQ(loss->ended_until.str(), "");
      EXPECT_TRUE(r.groups.AdvanceLoss(loss->group_id, role.id, until).ok());
      const std::optional<GroupLoss> again = Must(r.groups.NextLoss());
      EXPECT_TRUE(again.has_value() && again->group_id.str() == loss->group_id.str() &&
                  again->ended_until.str() == until.str());
      EXPECT_TRUE(r.groups.EndLoss(loss->group_id, role.id).ok());
    }
    EXPECT_FALSE(Must(r.groups.NextLoss()).has_value());
    return absl::OkStatus();
  });
  EXPECT_EQ(found, groups);
}

// Each leaves the group if another holder is left: without turns, all would count before any has
// left.
TEST_P(GroupRepositoryTest, OfManyWhoLeaveAtOnceTheLastHolderStays) {
  constexpr int kMembers = 6;
  const Role role = AddRole("admin");
  const Group group = AddGroup("admins");
  Give(group, role);
  std::vector<User> members;
  for (int i = 0; i < kMembers; ++i) {
    members.push_back(AddUser("user" + std::to_string(i)));
    Join(group, members.back());
  }
  OnThreads(kMembers, [&](int i) {
    Write([&](Repositories& r) {
      absl::Status turn = r.roles.TakeTurn();
      if (!turn.ok()) return turn;
      const absl::StatusOr<int64_t> left = r.roles.CountActiveHolders(role.id);
      if (!left.ok() || *left == 1) return left.status();
      return r.groups.RemoveMember(group.id, members[static_cast<size_t>(i)].id).status();
    });
  });
  EXPECT_EQ(ActiveHolders(role), 1);
}

TESSERA_ON_ALL_ENGINES(GroupRepositoryTest);

}  // namespace
}  // namespace tessera::storage
