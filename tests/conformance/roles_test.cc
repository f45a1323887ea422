#include <gmock/gmock.h>

#include "storage/usable_hash.h"
#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using RoleRepositoryTest = Conformance;

std::vector<std::string> NamesOf(const std::vector<Role>& roles) {
  std::vector<std::string> names;
  for (const Role& role : roles) names.push_back(role.name);
  return names;
}

TEST_P(RoleRepositoryTest, FindsWhatWasInsertedWithItsAudiencesInOrder) {
  const Role role = AddRole("orders.admin", {"zebra", "apple", "zebra.eu"});
  AddRole("other", {"mango"});
  Read([&](Repositories& r) {
    const auto found = Must(r.roles.FindByName("orders.admin"));
    EXPECT_TRUE(found.has_value());
    if (!found) return absl::OkStatus();
    EXPECT_EQ(found->id.str(), role.id.str());
    EXPECT_EQ(found->description, role.description);
    EXPECT_EQ(found->created_at, role.created_at);
    EXPECT_THAT(found->audiences, ElementsAre("zebra", "apple", "zebra.eu"));
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, ARoleForAllAudiencesHasNone) {
  AddRole("everywhere");
  Read([&](Repositories& r) {
    EXPECT_THAT(Must(r.roles.FindByName("everywhere"))->audiences, IsEmpty());
    EXPECT_FALSE(Must(r.roles.FindByName("Everywhere")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, ASecondRoleOfTheSameNameIsRefusedAndLeavesNoAudiences) {
  const Role first = AddRole("admin", {"a"});
  const absl::Status status =
      TryWrite([&](Repositories& r) { return r.roles.Insert(NewRole("admin", {"b"})); });
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), reason::kRoleNameTaken);
  Read([&](Repositories& r) {
    EXPECT_THAT(Must(r.roles.FindByName("admin"))->audiences, ElementsAre("a"));
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, PagesAreInTheOrderOfNamesByByteAndCountRolesNotAudiences) {
  AddRole("b", {"1", "2", "3"});
  AddRole("a", {"1", "2"});
  AddRole("B");
  AddRole("c");
  Read([&](Repositories& r) {
    EXPECT_THAT(NamesOf(Must(r.roles.List("", 10))), ElementsAre("B", "a", "b", "c"));
    const std::vector<Role> page = Must(r.roles.List("B", 2));
    EXPECT_THAT(NamesOf(page), ElementsAre("a", "b"));
    EXPECT_THAT(page[1].audiences, ElementsAre("1", "2", "3"));
    EXPECT_THAT(NamesOf(Must(r.roles.List("b", 2))), ElementsAre("c"));
    EXPECT_THAT(Must(r.roles.List("c", 2)), IsEmpty());
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, DeletingTakesItsGrantsAlong) {
  const User user = AddUser("ada");
  const Role gone = AddRole("gone", {"a", "b"});
  const Role kept = AddRole("kept");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.roles.Grant(gone.id, user.id, now()).ok());
    return r.roles.Grant(kept.id, user.id, now());
  });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.roles.Delete(gone.id, now())));
    EXPECT_FALSE(Must(r.roles.Delete(gone.id, now())));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    EXPECT_FALSE(Must(r.roles.FindByName("gone")).has_value());
    EXPECT_THAT(NamesOf(Must(r.roles.HeldBy(user.id))), ElementsAre("kept"));
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, GrantingTwiceIsGrantingOnceAndRevokingEndsIt) {
  const User user = AddUser("ada");
  const Role role = AddRole("admin");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.roles.Grant(role.id, user.id, now()).ok());
    EXPECT_TRUE(r.roles.Grant(role.id, user.id, now()).ok());
    EXPECT_EQ(Must(r.roles.HeldBy(user.id)).size(), 1u);
    EXPECT_TRUE(Must(r.roles.Revoke(role.id, user.id)));
    EXPECT_FALSE(Must(r.roles.Revoke(role.id, user.id)));
    EXPECT_THAT(Must(r.roles.HeldBy(user.id)), IsEmpty());
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, GrantingNamesWhichOfTheTwoIsGone) {
  const User user = AddUser("ada");
  const Role role = AddRole("admin");
  const absl::Status no_user = TryWrite(
      [&](Repositories& r) { return r.roles.Grant(role.id, UserId::Random(now()), now()); });
  EXPECT_EQ(no_user.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(no_user), reason::kUserNotFound);
  const absl::Status no_role = TryWrite(
      [&](Repositories& r) { return r.roles.Grant(RoleId::Random(now()), user.id, now()); });
  EXPECT_EQ(no_role.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(no_role), reason::kRoleNotFound);
}

TEST_P(RoleRepositoryTest, HeldRolesComeInTheOrderOfNamesWithTheirAudiences) {
  const User user = AddUser("ada");
  const Role z = AddRole("z", {"1", "2"});
  const Role a = AddRole("a", {"3"});
  AddRole("m");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.roles.Grant(z.id, user.id, now()).ok());
    return r.roles.Grant(a.id, user.id, now());
  });
  Read([&](Repositories& r) {
    const std::vector<Role> held = Must(r.roles.HeldBy(user.id));
    EXPECT_THAT(NamesOf(held), ElementsAre("a", "z"));
    EXPECT_THAT(held[1].audiences, ElementsAre("1", "2"));
    return absl::OkStatus();
  });
}

TEST_P(RoleRepositoryTest, OnlyActiveHoldersAreCounted) {
  User ada = AddUser("ada");
  const User grace = AddUser("grace");
  const Role role = AddRole("admin");
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 0);
    EXPECT_TRUE(r.roles.Grant(role.id, ada.id, now()).ok());
    EXPECT_TRUE(r.roles.Grant(role.id, grace.id, now()).ok());
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 2);
    ada.state = UserState::kDisabled;
    EXPECT_TRUE(Must(r.users.Update(ada, 1)));
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 1);
    return absl::OkStatus();
  });
}

// A user who was imported without a password waits for one: nobody is there yet.
TEST_P(RoleRepositoryTest, HoldersWhomNoPasswordAdmitsAreNotCounted) {
  const std::string cost = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg";
  const std::string almost = "$" + std::string(42, 'A') + "B";
  const Role role = AddRole("admin");
  const auto add = [&](const std::string& name, const std::string& hash) {
    User user = NewUser(name);
    user.password_hash = hash;
    Write([&](Repositories& r) {
      EXPECT_TRUE(r.users.Insert(user).ok());
      return r.roles.Grant(role.id, user.id, now());
    });
    return user;
  };
  User waiting = add("waiting", cost + std::string(kUnusableHashEnd));
  add("empty", "");
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 0);
    return absl::OkStatus();
  });
  add("real", cost + almost);
  add("short", "$x");
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 2);
    waiting.password_hash = cost + almost;
    EXPECT_TRUE(Must(r.users.Update(waiting, waiting.revision)));
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 3);
    return absl::OkStatus();
  });
}

// Each counts the holders and gives up the role if somebody else is left: without turns, all would
// count before any has given up.
TEST_P(RoleRepositoryTest, OfManyWhoTakeTurnsEachSeesWhatThoseBeforeItCommitted) {
  constexpr int kHolders = 8;
  const Role role = AddRole("admin");
  std::vector<User> holders;
  for (int i = 0; i < kHolders; ++i) holders.push_back(AddUser("user" + std::to_string(i)));
  Write([&](Repositories& r) {
    for (const User& holder : holders) EXPECT_TRUE(r.roles.Grant(role.id, holder.id, now()).ok());
    return absl::OkStatus();
  });
  OnThreads(kHolders, [&](int i) {
    Write([&](Repositories& r) {
      absl::Status turn = r.roles.TakeTurn();
      if (!turn.ok()) return turn;
      const absl::StatusOr<int64_t> left = r.roles.CountActiveHolders(role.id);
      if (!left.ok() || *left == 1) return left.status();
      return r.roles.Revoke(role.id, holders[static_cast<size_t>(i)].id).status();
    });
  });
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.roles.CountActiveHolders(role.id)), 1);
    return absl::OkStatus();
  });
}

// A user who is told that the role is gone again must not find that it is still held.
TEST_P(RoleRepositoryTest, AGrantAndARevocationThatTakeTurnsEndInAnOrder) {
  const User user = AddUser("ada");
  const Role role = AddRole("admin");
  for (int round = 0; round < 20; ++round) {
    Write([&](Repositories& r) { return r.roles.Grant(role.id, user.id, now()); });
    OnThreads(2, [&](int i) {
      Write([&](Repositories& r) {
        absl::Status turn = r.roles.TakeTurn();
        if (!turn.ok()) return turn;
        if (i == 0) return r.roles.Revoke(role.id, user.id).status();
        const absl::StatusOr<std::vector<Role>> held = r.roles.HeldBy(user.id);
        // Only one who holds it may give it to itself.
        if (!held.ok() || held->empty()) return held.status();
        return r.roles.Grant(role.id, user.id, now());
      });
    });
    Read([&](Repositories& r) {
      EXPECT_THAT(Must(r.roles.HeldBy(user.id)), IsEmpty());
      return absl::OkStatus();
    });
  }
}

TESSERA_ON_ALL_ENGINES(RoleRepositoryTest);

}  // namespace
}  // namespace tessera::storage
