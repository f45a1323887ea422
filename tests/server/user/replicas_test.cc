// What must hold when several replicas do the same thing, or opposite things, at the same moment:
// on MariaDB each replica has a store of its own, on SQLite all threads share the one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/audit/audit_trail.h"
#include "server/auth/key_ring.h"
#include "server/auth/revocation_feed.h"
#include "server/user/bootstrap.h"
#include "server/user/group_facade.h"
#include "server/user/role_facade.h"
#include "server/user/user_facade.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::server {
namespace {

using storage::Repositories;
using storage::Store;
using ::testing::AnyOf;
using ::testing::SizeIs;

constexpr int kReplicas = 3;
constexpr int kRounds = 8;
constexpr char kPassword[] = "correct horse battery";

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(value.status().ToString());
  return *std::move(value);
}

// An empty database, and the stores of its replicas.
class SharedDatabase {
 public:
  explicit SharedDatabase(const Clock& clock) {
    const int stores = database_.HoldsReplicas() ? kReplicas : 1;
    const int connections = database_.HoldsReplicas() ? 4 : 8;
    for (int i = 0; i < stores; ++i) {
      stores_.push_back(Must(database_.Open(clock, NoLog(), connections)));
    }
  }
  Store& Of(int replica) { return *stores_[static_cast<size_t>(replica) % stores_.size()]; }

 private:
  testing::DatabaseUnderTest database_;
  std::vector<std::unique_ptr<Store>> stores_;
};

// Runs `body(i)` for each replica at the same moment.
void AtOnce(int count, const std::function<void(int)>& body) {
  std::latch start(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class ReplicasTest : public ::testing::Test {
 protected:
  std::unique_ptr<KeyRing> OpenKeys(int replica) {
    MasterKeys master;
    master.entries.push_back({"m1", Secret(std::string(32, 'k'))});
    return Must(KeyRing::Open(database_.Of(replica), std::move(master), Algorithm::kEs256, clock_,
                              NoLog()));
  }
  absl::Status Boot(int replica, const BootstrapOptions& options) {
    return Bootstrap(options, database_.Of(replica), hasher_, clock_, NoLog());
  }
  BootstrapOptions WithPasswordFile() const {
    return {"tessera", "admin", folder_.Write("pw", kPassword), nullptr, ""};
  }
  std::string GeneratedFile(int replica) const {
    return folder_.Path("generated-" + std::to_string(replica));
  }

  std::vector<storage::User> Users() {
    std::vector<storage::User> users;
    EXPECT_TRUE(database_.Of(0)
                    .Read(absl::InfiniteFuture(),
                          [&](Repositories& r) {
                            users = Must(r.users.List(UserId(), 100));
                            return absl::OkStatus();
                          })
                    .ok());
    return users;
  }
  int64_t Administrators() {
    int64_t count = 0;
    EXPECT_TRUE(database_.Of(0)
                    .Read(absl::InfiniteFuture(),
                          [&](Repositories& r) {
                            const auto role = Must(r.roles.FindByName(kAdminRole));
                            count = role ? Must(r.roles.CountActiveHolders(role->id)) : 0;
                            return absl::OkStatus();
                          })
                    .ok());
    return count;
  }

  const testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  SharedDatabase database_{clock_};
  const PasswordHasher hasher_ = Must(PasswordHasher::Create({8192, 1}));
};

using FirstStartOfReplicas = ReplicasTest;

TEST_F(FirstStartOfReplicas, LeavesOneAdministratorAndOneKeySetAndEndsWellInEach) {
  const BootstrapOptions options = WithPasswordFile();
  std::array<absl::Status, kReplicas> booted;
  std::array<std::unique_ptr<KeyRing>, kReplicas> keys;
  AtOnce(kReplicas, [&](int i) {
    keys[static_cast<size_t>(i)] = OpenKeys(i);
    booted[static_cast<size_t>(i)] = Boot(i, options);
  });
  for (const absl::Status& status : booted) EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Users(), SizeIs(1));
  EXPECT_EQ(Administrators(), 1);
  for (const auto& ring : keys) {
    EXPECT_EQ(ring->Current()->store_epoch, keys[0]->Current()->store_epoch);
    EXPECT_EQ(ring->Current()->mac_kid, keys[0]->Current()->mac_kid);
    EXPECT_EQ(ring->Current()->jwks_json, keys[0]->Current()->jwks_json);
  }
}

TEST_F(FirstStartOfReplicas, LeavesOneGeneratedPasswordAndItIsTheAdministrators) {
  std::array<absl::Status, kReplicas> booted;
  AtOnce(kReplicas, [&](int i) {
    booted[static_cast<size_t>(i)] = Boot(i, {"tessera", "admin", "", nullptr, GeneratedFile(i)});
  });
  int files = 0;
  const std::vector<storage::User> users = Users();
  ASSERT_THAT(users, SizeIs(1));
  for (int i = 0; i < kReplicas; ++i) {
    EXPECT_TRUE(booted[static_cast<size_t>(i)].ok()) << booted[static_cast<size_t>(i)];
    std::string password = testing::ReadFile(GeneratedFile(i));
    if (password.empty()) continue;
    ++files;
    password.pop_back();
    const Secret prepared = PrepareForLogin(Secret(password));
    EXPECT_TRUE(Must(hasher_.Verify(prepared, users[0].password_hash)).matches);
  }
  EXPECT_EQ(files, 1);
}

// What administrators do, on two replicas at once.
class OpposingAdministrators : public ReplicasTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Boot(0, WithPasswordFile()).ok());
    first_ = Users().front().id;
    for (int i = 0; i < 2; ++i) {
      parts_[static_cast<size_t>(i)] =
          std::make_unique<Replica>(database_.Of(i), OpenKeys(i), hasher_, clock_);
    }
  }

  struct Replica {
    Replica(Store& store, std::unique_ptr<KeyRing> ring, const PasswordHasher& hasher,
            const Clock& clock)
        : keys(std::move(ring)),
          feed(Must(RevocationFeed::Open(store, *keys, {}, clock, NoLog()))),
          throttle(ThrottlePolicy(), LoginThrottle::Parts{store, *keys, clock, NoLog()}),
          users(UserFacade::Parts{store, hasher, *feed, clock, NoLog(), audit, throttle,
                                  PasswordPolicy(), UserPolicy{{}, true}}),
          roles({"tessera"}, RoleFacade::Parts{store, *feed, clock, NoLog(), audit}),
          groups(GroupFacade::Parts{store, *feed, clock, NoLog(), audit}) {}
    NoAuditTrail audit;
    std::unique_ptr<KeyRing> keys;
    std::unique_ptr<RevocationFeed> feed;
    LoginThrottle throttle;
    UserFacade users;
    RoleFacade roles;
    GroupFacade groups;
  };
  Replica& On(int i) { return *parts_[static_cast<size_t>(i)]; }

  UserId AddAdministrator(const UserId& by, const std::string& name) {
    NewUser fields;
    fields.username = name;
    const HashedNewUser hashed = Must(On(0).users.HashNewUser(fields, Secret::CopyOf(kPassword)));
    const UserId id = Must(On(0).users.Create(call_, by, hashed)).id;
    EXPECT_TRUE(On(0).roles.Grant(call_, by, kAdminRole, id).ok());
    return id;
  }
  bool IsAdministrator(const UserId& id) {
    const RoleLookup lookup = Must(On(0).roles.Lookup(call_, UserKey(id)));
    return lookup.kind == UserKind::kAdmin;
  }

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

  CallInfo call_{"127.0.0.1", absl::InfiniteFuture()};
  UserId first_;
  std::array<std::unique_ptr<Replica>, 2> parts_;
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

// Neither named an etag, so neither may be told of one.
TEST_F(OpposingAdministrators, WhoChangeAUserAndTheUserWhoChangesThePasswordBothSucceed) {
  const UserId user = AddAdministrator(first_, "second");
  const PasswordChange change{user, Secret::CopyOf(kPassword), Secret::CopyOf(kPassword)};
  for (int round = 0; round < kRounds; ++round) {
    const CheckedPasswordChange checked = Must(On(1).users.CheckPasswordChange(
        call_, Must(On(1).users.FindForPasswordChange(call_, user)), change));
    UserChange rename;
    rename.id = user;
    rename.display_name = "round " + std::to_string(round);
    AtOnce(2, [&](int i) {
      const absl::Status done = i == 0 ? On(0).users.Update(call_, first_, rename).status()
                                       : On(1).users.StorePassword(call_, checked);
      EXPECT_TRUE(done.ok()) << done;
    });
  }
}

// Creates of the same thing on two replicas at once.
class SimultaneousCreates : public OpposingAdministrators {
 protected:
  std::array<absl::StatusOr<storage::User>, 2> CreateAtOnce(const std::array<NewUser, 2>& users) {
    std::array<absl::StatusOr<storage::User>, 2> made;
    AtOnce(2, [&](int i) {
      const auto at = static_cast<size_t>(i);
      const auto hashed = On(i).users.HashNewUser(first_, users[at], Secret::CopyOf(kPassword));
      made[at] = hashed.ok() ? On(i).users.Create(call_, first_, *hashed)
                             : absl::StatusOr<storage::User>(hashed.status());
    });
    return made;
  }
  static NewUser Named(const std::string& name, const std::string& email = "",
                       const std::string& request_id = "") {
    NewUser user;
    user.username = name;
    user.email = email;
    user.request_id = request_id;
    return user;
  }
  static void ExpectOne(const std::array<absl::StatusOr<storage::User>, 2>& made,
                        std::string_view reason) {
    EXPECT_NE(made[0].ok(), made[1].ok()) << made[0].status() << " " << made[1].status();
    EXPECT_EQ(ReasonOf(made[made[0].ok() ? 1 : 0].status()), reason);
  }
};

TEST_F(SimultaneousCreates, OfOneNameGiveOneSuccess) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string number = std::to_string(round);
    ExpectOne(CreateAtOnce({Named("ada" + number), Named("ADA" + number)}), reason::kUsernameTaken);
  }
  EXPECT_THAT(Users(), SizeIs(1 + kRounds));
}

TEST_F(SimultaneousCreates, OfOneEmailAddressGiveOneSuccess) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string number = std::to_string(round);
    ExpectOne(CreateAtOnce({Named("ada" + number, "a" + number + "@example.org"),
                            Named("grace" + number, "A" + number + "@example.org")}),
              reason::kEmailTaken);
  }
  EXPECT_THAT(Users(), SizeIs(1 + kRounds));
}

TEST_F(SimultaneousCreates, WithOneRequestIdGiveOneUserToBoth) {
  for (int round = 0; round < kRounds; ++round) {
    const NewUser user = Named("ada" + std::to_string(round), "", "r" + std::to_string(round));
    const auto made = CreateAtOnce({user, user});
    ASSERT_TRUE(made[0].ok() && made[1].ok()) << made[0].status() << " " << made[1].status();
    EXPECT_EQ(made[0]->id.str(), made[1]->id.str());
  }
  EXPECT_THAT(Users(), SizeIs(1 + kRounds));
}

// Nobody takes turns with those who register.
TEST_F(SimultaneousCreates, RegisteringAndCreatingOneNameGiveOneSuccess) {
  for (int round = 0; round < kRounds; ++round) {
    const NewUser user = Named("ada" + std::to_string(round), "a@example.org");
    std::array<absl::StatusOr<storage::User>, 2> made;
    AtOnce(2, [&](int i) {
      const UserFacade& users = On(i).users;
      const HashedNewUser hashed = Must(users.HashNewUser(user, Secret::CopyOf(kPassword)));
      made[static_cast<size_t>(i)] =
          i == 0 ? users.Create(call_, first_, hashed) : users.Register(call_, hashed);
    });
    EXPECT_NE(made[0].ok(), made[1].ok()) << made[0].status() << " " << made[1].status();
    const storage::User& one = made[0].ok() ? *made[0] : *made[1];
    EXPECT_TRUE(On(0).users.Delete(call_, first_, one.id, "").ok());  // frees the address
  }
}

}  // namespace
}  // namespace tessera::server
