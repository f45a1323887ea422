// A role that was deleted gives nobody anything from that moment on, however long it takes until
// its rows are gone.
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeletedRoleTest : public Conformance {
 protected:
  Group AddGroup(std::string name) {
    const Group group{GroupId::Random(now()), std::move(name), "", {}, now()};
    Write([&](Repositories& r) { return r.groups.Insert(group); });
    return group;
  }
  // Users, groups and service accounts that hold it, two of each, and a third user.
  void GiveToAll(const Role& role) {
    for (const std::string& name : std::vector<std::string>{"one", "two", "three"}) {
      const User user = AddUser(absl::StrCat(role.name, ".user.", name));
      Write([&](Repositories& r) { return r.roles.Grant(role.id, user.id, now()); });
      users_.push_back(user);
      if (name == "three") continue;
      const Group group = AddGroup(absl::StrCat(role.name, ".group.", name));
      const ServiceAccount account = AddServiceAccount(absl::StrCat(role.name, ".account.", name));
      Write([&](Repositories& r) -> absl::Status {
        if (auto joined = r.groups.AddMember(group.id, user.id, now()); !joined.ok()) return joined;
        if (auto given = r.groups.Grant(group.id, role.id, now()); !given.ok()) return given;
        return r.services.SetRoles(account.id, {role.id});
      });
      accounts_.push_back(account);
    }
  }
  bool Delete(const Role& role) {
    bool deleted = false;
    Write([&](Repositories& r) {
      deleted = Must(r.roles.Delete(role.id, now()));
      return absl::OkStatus();
    });
    return deleted;
  }
  int64_t Purge(int limit) {
    int64_t removed = -1;
    Write([&](Repositories& r) {
      removed = Must(r.roles.PurgeDeleted(limit));
      return absl::OkStatus();
    });
    return removed;
  }
  void ExpectHeldByNobody(const Role& role) {
    Read([&](Repositories& r) {
      EXPECT_FALSE(Must(r.roles.FindByName(role.name)).has_value());
      for (const User& user : users_) {
        EXPECT_THAT(Must(r.roles.HeldBy(user.id)), IsEmpty());
        EXPECT_THAT(Must(r.roles.HoldingsOf(user.id)), IsEmpty());
      }
      for (const Group& group : Must(r.groups.List("", 10))) EXPECT_THAT(group.roles, IsEmpty());
      for (const ServiceAccount& account : accounts_) {
        EXPECT_THAT(Must(r.services.Find(account.id))->roles, IsEmpty());
      }
      return absl::OkStatus();
    });
  }

  std::vector<User> users_;
  std::vector<ServiceAccount> accounts_;
};

TEST_P(DeletedRoleTest, IsHeldByNobodyBeforeARowOfItsGrantsIsGone) {
  const Role role = AddRole("editor", {"orders"});
  GiveToAll(role);
  const Session session = AddSession(users_.front().id);
  EXPECT_TRUE(Delete(role));
  EXPECT_FALSE(Delete(role));
  ExpectHeldByNobody(role);
  Read([&](Repositories& r) {
    const auto standing = Must(r.sessions.FindStanding(session.id));
    EXPECT_TRUE(standing.has_value() && standing->roles.empty());
    EXPECT_THAT(Must(r.roles.List("", 10)), IsEmpty());
    EXPECT_FALSE(Must(r.roles.FindByName("deleted:" + role.id.str())).has_value());
    return absl::OkStatus();
  });
}

// What is held besides is read in the same statements.
TEST_P(DeletedRoleTest, TakesNoOtherRoleAlong) {
  const Role gone = AddRole("editor", {"orders"});
  const Role kept = AddRole("reader", {"mail"});
  GiveToAll(gone);
  const User user = users_.front();
  const Session session = AddSession(user.id);
  Write([&](Repositories& r) -> absl::Status {
    if (auto given = r.roles.Grant(kept.id, user.id, now()); !given.ok()) return given;
    return r.services.SetRoles(accounts_.front().id, {gone.id, kept.id});
  });
  EXPECT_TRUE(Delete(gone));
  while (Purge(2) > 0) {
    Read([&](Repositories& r) {
      EXPECT_THAT(NamesOf(Must(r.roles.HeldBy(user.id))), ElementsAre("reader"));
      const auto standing = Must(r.sessions.FindStanding(session.id));
      EXPECT_TRUE(standing.has_value());
      if (!standing.has_value()) return absl::OkStatus();
      EXPECT_THAT(NamesOf(standing->roles), ElementsAre("reader"));
      EXPECT_THAT(NamesOf(Must(r.services.Find(accounts_.front().id))->roles),
                  ElementsAre("reader"));
      EXPECT_THAT(NamesOf(Must(r.roles.List("", 10))), ElementsAre("reader"));
      return absl::OkStatus();
    });
  }
}

TEST_P(DeletedRoleTest, IsGivenToNobodyAnyMore) {
  const Role role = AddRole("editor");
  const User user = AddUser("ada");
  const Group group = AddGroup("writers");
  const ServiceAccount account = AddServiceAccount("billing");
  EXPECT_TRUE(Delete(role));
  using Giving = std::function<absl::Status(Repositories&)>;
  for (const Giving& give : std::vector<Giving>{
           [&](Repositories& r) { return r.roles.Grant(role.id, user.id, now()); },
           [&](Repositories& r) { return r.groups.Grant(group.id, role.id, now()); },
           [&](Repositories& r) { return r.services.SetRoles(account.id, {role.id}); }}) {
    const absl::Status status = TryWrite(give);
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(ReasonOf(status), reason::kRoleNotFound);
  }
}

TEST_P(DeletedRoleTest, LeavesItsNameToAnotherThatNobodyHolds) {
  const Role first = AddRole("editor", {"orders"});
  GiveToAll(first);
  EXPECT_TRUE(Delete(first));
  const Role second = AddRole("editor", {"mail"});
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.roles.FindByName("editor"))->id.str(), second.id.str());
    EXPECT_EQ(Must(r.roles.CountActiveHolders(second.id)), 0);
    for (const User& user : users_) EXPECT_THAT(Must(r.roles.HeldBy(user.id)), IsEmpty());
    return absl::OkStatus();
  });
  EXPECT_TRUE(Delete(second));  // as the first one, whose rows are still there
  EXPECT_EQ(Purge(100), 3 + 2 + 2 + 1 + 1 + 2);
}

// Whoever purges may die between any two of the transactions.
TEST_P(DeletedRoleTest, GoesInBatchesOfAtMostTheLimitTheRoleBehindItsGrants) {
  const Role role = AddRole("editor", {"orders", "mail"});
  GiveToAll(role);
  EXPECT_EQ(Purge(4), 0) << "it is not deleted yet";
  EXPECT_TRUE(Delete(role));
  // Three users, two groups, two accounts, two audiences, the role.
  for (const int64_t count : {4, 4, 2, 0}) {
    EXPECT_EQ(Purge(4), count);
    ExpectHeldByNobody(role);
  }
  Write([&](Repositories& r) {
    for (const User& user : users_) EXPECT_TRUE(Must(r.users.Delete(user.id)));
    return r.roles.Insert(role);  // nothing is in the way, not even the id
  });
}

TEST_P(DeletedRoleTest, GoesWholeBeforeTheNextOne) {
  for (const char* name : {"one", "two"}) {
    const Role role = AddRole(name);
    GiveToAll(role);
    EXPECT_TRUE(Delete(role));
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(Purge(10), 10);
  EXPECT_EQ(Purge(10), 6);
  EXPECT_EQ(Purge(10), 0);
}

// The members keep tokens with the role until their sessions have been ended for it.
TEST_P(DeletedRoleTest, StaysUntilItsLossesHaveEnded) {
  const Role role = AddRole("editor");
  const Group group = AddGroup("writers");
  Write([&](Repositories& r) -> absl::Status {
    if (auto given = r.groups.Grant(group.id, role.id, now()); !given.ok()) return given;
    return r.groups.BeginLoss(group.id, role.id, now()).status();
  });
  EXPECT_TRUE(Delete(role));
  EXPECT_EQ(Purge(100), 0);
  Write([&](Repositories& r) {
    const std::optional<GroupLoss> loss = Must(r.groups.NextLoss());
    EXPECT_TRUE(loss.has_value());
    if (!loss.has_value()) return absl::OkStatus();
    EXPECT_EQ(loss->role_id.str(), role.id.str());
    EXPECT_EQ(loss->role, "deleted:" + role.id.str());
    return r.groups.EndLoss(loss->group_id, loss->role_id);
  });
  EXPECT_EQ(Purge(100), 1);
}

TESSERA_ON_ALL_ENGINES(DeletedRoleTest);

}  // namespace
}  // namespace tessera::storage
