#include <gmock/gmock.h>

#include <atomic>

#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kOneCost[] = "$argon2id$v=19$m=8192,t=1,p=1";
constexpr char kOtherCost[] = "$argon2id-bcrypt$v=19$m=8192,t=1,p=1$c=12";

class PasswordRepositoryTest : public Conformance {
 protected:
  User AddUserWithHash(const std::string& name, const std::string& hash) {
    User user = NewUser(name);
    user.password_hash = hash;
    Write([&](Repositories& r) { return r.users.Insert(user); });
    return user;
  }
  std::vector<std::string> Costs() {
    std::vector<std::string> costs;
    Read([&](Repositories& r) {
      costs = Must(r.passwords.HashCosts());
      return absl::OkStatus();
    });
    return costs;
  }
  int64_t Forget() {
    int64_t forgotten = 0;
    Write([&](Repositories& r) {
      forgotten = Must(r.passwords.ForgetUnusedHashCosts(100));
      return absl::OkStatus();
    });
    return forgotten;
  }
  PasswordReset NewReset(const UserId& user) {
    return {user, 7, std::string("\0\x01hash", 6), "kid", now() + absl::Hours(1)};
  }
};

std::string HashOf(const std::string& cost) { return cost + "$c2FsdA$dGFn"; }

TEST_P(PasswordRepositoryTest, TheCostOfEveryHashThatIsWrittenIsNotedOnce) {
  EXPECT_THAT(Costs(), IsEmpty());
  AddUserWithHash("ada", HashOf(kOneCost));
  AddUserWithHash("grace", HashOf(kOneCost));
  AddUserWithHash("alan", HashOf(kOtherCost));
  EXPECT_THAT(Costs(), ElementsAre(kOneCost, kOtherCost));
}

TEST_P(PasswordRepositoryTest, ChangingAndUpgradingAHashNotesItsCost) {
  User ada = AddUserWithHash("ada", HashOf(kOneCost));
  ada.password_hash = HashOf(kOtherCost);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Update(ada, 1)));
    EXPECT_TRUE(Must(r.users.ReplaceHash(ada.id, ada.version, HashOf("$third$of=all"))));
    return absl::OkStatus();
  });
  EXPECT_THAT(Costs(), ElementsAre(kOneCost, kOtherCost, "$third$of=all"));
}

TEST_P(PasswordRepositoryTest, AChangeOfAnythingElseKeepsTheHashAndItsCost) {
  User ada = AddUserWithHash("ada", HashOf(kOneCost));
  ada.display_name = "Ada";
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Update(ada, 1)));
    EXPECT_EQ(Must(r.users.Find(ada.id))->display_name, "Ada");
    EXPECT_EQ(Must(r.users.Find(ada.id))->password_hash, HashOf(kOneCost));
    return absl::OkStatus();
  });
  EXPECT_EQ(Forget(), 0);
  EXPECT_THAT(Costs(), ElementsAre(kOneCost));
}

TEST_P(PasswordRepositoryTest, AHashThatWasNotReplacedLeavesNoCost) {
  const User ada = AddUserWithHash("ada", HashOf(kOneCost));
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.users.ReplaceHash(ada.id, ada.version + 1, HashOf(kOtherCost))));
    return absl::OkStatus();
  });
  EXPECT_THAT(Costs(), ElementsAre(kOneCost));
}

TEST_P(PasswordRepositoryTest, WhatIsNoHashCostsNothing) {
  AddUserWithHash("empty", "");
  AddUserWithHash("odd", "not a hash");
  AddUserWithHash("short", "$short");
  EXPECT_THAT(Costs(), IsEmpty());
}

TEST_P(PasswordRepositoryTest, ACostIsForgottenWhenItsLastHashIsGone) {
  const User ada = AddUserWithHash("ada", HashOf(kOneCost));
  const User alan = AddUserWithHash("alan", HashOf(kOtherCost));
  EXPECT_EQ(Forget(), 0);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.ReplaceHash(alan.id, alan.version, HashOf(kOneCost))));
    return absl::OkStatus();
  });
  EXPECT_EQ(Forget(), 1);
  EXPECT_THAT(Costs(), ElementsAre(kOneCost));
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Delete(ada.id)));
    return absl::OkStatus();
  });
  EXPECT_EQ(Forget(), 0);
  EXPECT_THAT(Costs(), ElementsAre(kOneCost));
}

// An attempt to log in must never find a user whose cost is not in the list.
TEST_P(PasswordRepositoryTest, ACostThatIsWrittenWhileItIsForgottenStays) {
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    const std::string cost = "$round$n=" + std::to_string(round);
    const User first = AddUserWithHash("first" + std::to_string(round), HashOf(cost));
    Write([&](Repositories& r) {
      EXPECT_TRUE(Must(r.users.Delete(first.id)));
      return absl::OkStatus();
    });
    OnThreads(2, [&](int thread) {
      if (thread == 0) {
        Forget();
      } else {
        AddUserWithHash("second" + std::to_string(round), HashOf(cost));
      }
    });
    EXPECT_THAT(Costs(), ::testing::Contains(cost));
  }
}

TEST_P(PasswordRepositoryTest, TheSameNewCostWrittenAtOnceIsNotedOnce) {
  OnThreads(
      4, [&](int thread) { AddUserWithHash("user" + std::to_string(thread), HashOf(kOtherCost)); });
  EXPECT_THAT(Costs(), ElementsAre(kOtherCost));
}

TEST_P(PasswordRepositoryTest, AResetIsFoundAsItWasPut) {
  const User ada = AddUser("ada");
  const PasswordReset reset = NewReset(ada.id);
  Write([&](Repositories& r) { return r.passwords.PutReset(reset); });
  Read([&](Repositories& r) {
    const auto found = Must(r.passwords.FindReset(ada.id));
    EXPECT_TRUE(found.has_value());
    if (!found.has_value()) return absl::OkStatus();
    EXPECT_EQ(found->user_id.str(), ada.id.str());
    EXPECT_EQ(found->user_version, 7);
    EXPECT_EQ(found->hash, reset.hash);
    EXPECT_EQ(found->hash_kid, "kid");
    EXPECT_EQ(found->expires_at, reset.expires_at);
    EXPECT_FALSE(Must(r.passwords.FindReset(UserId::Random(now()))).has_value());
    return absl::OkStatus();
  });
}

TEST_P(PasswordRepositoryTest, ALaterResetTakesThePlaceOfTheOneBefore) {
  const User ada = AddUser("ada");
  PasswordReset later = NewReset(ada.id);
  later.hash = "later";
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.passwords.PutReset(NewReset(ada.id)).ok());
    EXPECT_TRUE(r.passwords.PutReset(later).ok());
    EXPECT_FALSE(Must(r.passwords.TakeReset(ada.id, NewReset(ada.id).hash)));
    EXPECT_TRUE(Must(r.passwords.TakeReset(ada.id, "later")));
    return absl::OkStatus();
  });
}

TEST_P(PasswordRepositoryTest, AResetIsTakenOnceHoweverManyTry) {
  const User ada = AddUser("ada");
  const PasswordReset reset = NewReset(ada.id);
  Write([&](Repositories& r) { return r.passwords.PutReset(reset); });
  std::atomic<int> taken{0};
  OnThreads(4, [&](int) {
    bool mine = false;
    Write([&](Repositories& r) {
      mine = Must(r.passwords.TakeReset(ada.id, reset.hash));
      return absl::OkStatus();
    });
    if (mine) ++taken;
  });
  EXPECT_EQ(taken, 1);
}

TEST_P(PasswordRepositoryTest, AResetOfNobodyIsRefusedAndOneOfADeletedUserGoesToo) {
  const absl::Status status = TryWrite(
      [&](Repositories& r) { return r.passwords.PutReset(NewReset(UserId::Random(now()))); });
  EXPECT_EQ(ReasonOf(status), reason::kUserNotFound);
  const User ada = AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.passwords.PutReset(NewReset(ada.id)).ok());
    EXPECT_TRUE(Must(r.users.Delete(ada.id)));
    EXPECT_FALSE(Must(r.passwords.FindReset(ada.id)).has_value());
    return absl::OkStatus();
  });
}

TEST_P(PasswordRepositoryTest, ExpiredResetsAreRemovedTheOldestFirstAndNoMoreThanAsked) {
  std::vector<User> users;
  for (int i = 0; i < 3; ++i) {
    users.push_back(AddUser("user" + std::to_string(i)));
    PasswordReset reset = NewReset(users.back().id);
    reset.expires_at = now() + absl::Minutes(i);
    Write([&](Repositories& r) { return r.passwords.PutReset(reset); });
  }
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.passwords.DeleteExpiredResets(now() + absl::Minutes(2), 1)), 1);
    EXPECT_FALSE(Must(r.passwords.FindReset(users[0].id)).has_value());
    EXPECT_EQ(Must(r.passwords.DeleteExpiredResets(now() + absl::Minutes(2), 9)), 1);
    EXPECT_TRUE(Must(r.passwords.FindReset(users[2].id)).has_value());
    return absl::OkStatus();
  });
}

TESSERA_ON_ALL_ENGINES(PasswordRepositoryTest);

}  // namespace
}  // namespace tessera::storage
