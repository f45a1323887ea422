// Administrators who act against each other on two replicas, at the same moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "tessera/base/reason.h"
#include "tests/server/user/replicas_room.h"

namespace tessera::server {
namespace {

using ::testing::AnyOf;

class OpposingAdministrators : public TwoReplicas {
 protected:
  // Two administrators who do the same to each other at the same moment: `act(replica, actor,
  // target)`. One must stay, and the one who lost must have been told so.
  void ExpectOneIsLeft(
      const std::function<absl::Status(Replica&, const UserId&, const UserId&)>& act) {
    UserId staying = first_;
    for (int round = 0; round < kRounds; ++round) {
      const UserId other = AddAdministrator(staying, "admin" + std::to_string(round));
      const std::array<UserId, 2> both = {staying, other};
      std::array<absl::Status, 2> done;
      AtOnce(2, [&](int i) {
        done[static_cast<size_t>(i)] =
            act(On(i), both[static_cast<size_t>(i)], both[static_cast<size_t>(1 - i)]);
      });
      EXPECT_EQ(Administrators(), 1) << done[0] << " " << done[1];
      EXPECT_NE(done[0].ok(), done[1].ok()) << done[0] << " " << done[1];
      const absl::Status& lost = done[0].ok() ? done[1] : done[0];
      EXPECT_THAT(ReasonOf(lost), AnyOf(reason::kRoleRequired, reason::kTokenRevoked));
      staying = both[done[0].ok() ? 0 : 1];
    }
  }
};

TEST_F(OpposingAdministrators, WhoTakeTheRoleFromEachOtherLeaveOne) {
  ExpectOneIsLeft([&](Replica& replica, const UserId& actor, const UserId& target) {
    return replica.roles.Revoke(call_, actor, kAdminRole, target);
  });
}

TEST_F(OpposingAdministrators, WhoDisableEachOtherLeaveOne) {
  ExpectOneIsLeft([&](Replica& replica, const UserId& actor, const UserId& target) {
    UserChange change;
    change.id = target;
    change.state = storage::UserState::kDisabled;
    return replica.users.Update(call_, actor, change).status();
  });
}

TEST_F(OpposingAdministrators, WhoDeleteEachOtherLeaveOne) {
  ExpectOneIsLeft([&](Replica& replica, const UserId& actor, const UserId& target) {
    return replica.users.Delete(call_, actor, target, "");
  });
}

TEST_F(OpposingAdministrators, WhoGiveUpTheRoleThemselvesLeaveOne) {
  UserId staying = first_;
  for (int round = 0; round < kRounds; ++round) {
    const UserId other = AddAdministrator(staying, "admin" + std::to_string(round));
    const std::array<UserId, 2> both = {staying, other};
    std::array<absl::Status, 2> done;
    AtOnce(2, [&](int i) {
      const UserId& self = both[static_cast<size_t>(i)];
      done[static_cast<size_t>(i)] = On(i).roles.Revoke(call_, self, kAdminRole, self);
    });
    EXPECT_EQ(Administrators(), 1);
    EXPECT_NE(done[0].ok(), done[1].ok()) << done[0] << " " << done[1];
    EXPECT_EQ(ReasonOf(done[0].ok() ? done[1] : done[0]), reason::kLastAdministrator);
    staying = both[done[0].ok() ? 1 : 0];
  }
}

TEST_F(OpposingAdministrators, WhoseRoleIsTakenCannotGiveItBackToThemselvesMeanwhile) {
  for (int round = 0; round < kRounds; ++round) {
    const UserId second = AddAdministrator(first_, "admin" + std::to_string(round));
    AtOnce(2, [&](int i) {
      if (i == 0) {
        EXPECT_TRUE(On(0).roles.Revoke(call_, first_, kAdminRole, second).ok());
      } else {
        // Before the revocation it changes nothing, behind it it is refused.
        On(1).roles.Grant(call_, second, kAdminRole, second).IgnoreError();
      }
    });
    EXPECT_FALSE(IsAdministrator(second)) << "round " << round;
  }
}

// Who administers by a group alone, on two replicas at once.
class OpposingMembers : public OpposingAdministrators {
 protected:
  // The first one is in `admins`.
  void SetUp() override {
    OpposingAdministrators::SetUp();
    EXPECT_TRUE(On(0).groups.Create(call_, first_, {"admins", ""}).ok());
    EXPECT_TRUE(On(0).groups.GrantRole(call_, first_, {"admins", std::string(kAdminRole)}).ok());
    EXPECT_TRUE(On(0).groups.AddMember(call_, first_, {"admins", first_}).ok());
    EXPECT_TRUE(On(0).roles.Revoke(call_, first_, kAdminRole, first_).ok());
  }
  UserId AddMember(const UserId& by, const std::string& name) {
    NewUser fields;
    fields.username = name;
    const HashedNewUser hashed = Must(On(0).users.HashNewUser(fields, Secret::CopyOf(kPassword)));
    const UserId id = Must(On(0).users.Create(call_, by, hashed)).id;
    EXPECT_TRUE(On(0).groups.AddMember(call_, by, {"admins", id}).ok());
    return id;
  }
};

TEST_F(OpposingMembers, WhoTakeEachOtherOutOfTheGroupLeaveOne) {
  UserId staying = first_;
  for (int round = 0; round < kRounds; ++round) {
    const UserId other = AddMember(staying, "admin" + std::to_string(round));
    const std::array<UserId, 2> both = {staying, other};
    std::array<absl::Status, 2> done;
    AtOnce(2, [&](int i) {
      done[static_cast<size_t>(i)] = On(i).groups.RemoveMember(
          call_, both[static_cast<size_t>(i)], {"admins", both[static_cast<size_t>(1 - i)]});
    });
    EXPECT_EQ(Administrators(), 1) << done[0] << " " << done[1];
    EXPECT_NE(done[0].ok(), done[1].ok()) << done[0] << " " << done[1];
    staying = both[done[0].ok() ? 0 : 1];
  }
}

// One holds the role by the group and the other by itself; each takes it from the other by another
// road, at the same moment.
TEST_F(OpposingMembers, WhoTakeTheRoleByDifferentRoadsLeaveOne) {
  using Act = std::function<absl::Status(Replica&, const UserId& actor, const UserId& target)>;
  const std::array<Act, 3> roads = {
      [&](Replica& replica, const UserId& actor, const UserId&) {
        return replica.groups.RevokeRole(call_, actor, {"admins", std::string(kAdminRole)});
      },
      [&](Replica& replica, const UserId& actor, const UserId& target) {
        return replica.groups.RemoveMember(call_, actor, {"admins", target});
      },
      [&](Replica& replica, const UserId& actor, const UserId&) {
        return replica.groups.Delete(call_, actor, "admins");
      }};
  UserId member = first_;
  for (int round = 0; round < kRounds; ++round) {
    const UserId direct = AddAdministrator(member, "admin" + std::to_string(round));
    std::array<absl::Status, 2> done;
    AtOnce(2, [&](int i) {
      done[static_cast<size_t>(i)] =
          i == 0 ? roads[static_cast<size_t>(round) % roads.size()](On(0), direct, member)
                 : On(1).roles.Revoke(call_, member, kAdminRole, direct);
    });
    EXPECT_EQ(Administrators(), 1) << done[0] << " " << done[1];
    EXPECT_NE(done[0].ok(), done[1].ok()) << done[0] << " " << done[1];
    // As it was: one member of the group, who administers by it alone.
    const UserId staying = done[0].ok() ? direct : member;
    On(0).groups.Create(call_, staying, {"admins", ""}).IgnoreError();
    EXPECT_TRUE(On(0).groups.GrantRole(call_, staying, {"admins", std::string(kAdminRole)}).ok());
    EXPECT_TRUE(On(0).groups.AddMember(call_, staying, {"admins", staying}).ok());
    if (staying != member) {
      EXPECT_TRUE(On(0).groups.RemoveMember(call_, staying, {"admins", member}).ok());
      EXPECT_TRUE(On(0).roles.Revoke(call_, staying, kAdminRole, staying).ok());
    }
    member = staying;
  }
}

}  // namespace
}  // namespace tessera::server
