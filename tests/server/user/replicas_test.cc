// What several replicas start, change and create at the same moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/base/reason.h"
#include "tests/server/user/replicas_room.h"

namespace tessera::server {
namespace {

using ::testing::SizeIs;

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

using SimultaneousChanges = TwoReplicas;

// Neither named an etag, so neither may be told of one.
TEST_F(SimultaneousChanges, WhoChangeAUserAndTheUserWhoChangesThePasswordBothSucceed) {
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
                                       : On(1).users.StorePassword(call_, checked).status();
      EXPECT_TRUE(done.ok()) << done;
    });
  }
}

// Creates of the same thing on two replicas at once.
class SimultaneousCreates : public TwoReplicas {
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

// Whoever has the id alone learns what anybody learns.
TEST_F(SimultaneousCreates, RegisteringOneNameWithOneRequestIdAndTwoPasswordsGivesOneSuccess) {
  for (int round = 0; round < kRounds; ++round) {
    const NewUser user = Named("ada" + std::to_string(round), "", "1");
    std::array<absl::StatusOr<storage::User>, 2> made;
    AtOnce(2, [&](int i) {
      const UserFacade& users = On(i).users;
      const std::string password = kPassword + std::to_string(i);
      const HashedNewUser hashed = Must(users.HashNewUser(user, Secret::CopyOf(password)));
      made[static_cast<size_t>(i)] = users.Register(call_, hashed);
    });
    ExpectOne(made, reason::kUsernameTaken);
  }
}

// Nobody takes turns with those who register.
TEST_F(SimultaneousCreates, RegisteringAndCreatingOneNameGiveOneSuccess) {
  for (int round = 0; round < kRounds; ++round) {
    const NewUser user = Named("ada" + std::to_string(round));
    std::array<absl::StatusOr<storage::User>, 2> made;
    AtOnce(2, [&](int i) {
      const UserFacade& users = On(i).users;
      const HashedNewUser hashed = Must(users.HashNewUser(user, Secret::CopyOf(kPassword)));
      made[static_cast<size_t>(i)] =
          i == 0 ? users.Create(call_, first_, hashed) : users.Register(call_, hashed);
    });
    EXPECT_NE(made[0].ok(), made[1].ok()) << made[0].status() << " " << made[1].status();
    const absl::Status& lost = made[made[0].ok() ? 1 : 0].status();
    EXPECT_EQ(ReasonOf(lost), reason::kUsernameTaken);
  }
}

}  // namespace
}  // namespace tessera::server
