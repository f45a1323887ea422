#include "server/auth/store_cleaner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/auth/revocations.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

class StoreCleanerTest : public ::testing::Test {
 protected:
  // Entries of the feed that nobody needs any more.
  void AppendOver(int count) {
    std::vector<storage::Revocation> many;
    for (int i = 0; i < count; ++i) {
      many.push_back(RevokeSessionEntry(SessionId("ses_" + std::to_string(i)), world_.clock.Now()));
    }
    world_.Write([&](storage::Repositories& in) { return in.revocations.Append(many); });
    world_.clock.Advance(absl::Hours(1));
  }
  int64_t Entries() {
    int64_t count = 0;
    Require(world_.direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
      TESSERA_ASSIGN_OR_RETURN(const auto entries, in.revocations.ListAfter(0, 100'000));
      count = static_cast<int64_t>(entries.size());
      return absl::OkStatus();
    }));
    return count;
  }

  AuthWorld world_;
  StoreCleaner cleaner_{*world_.store, world_.clock, world_.log};
};

TEST_F(StoreCleanerTest, RevocationsGoWhenTheyHaveBeenOverForTheSlack) {
  const absl::Time end = world_.clock.Now() + absl::Hours(1);
  world_.Write([&](storage::Repositories& in) {
    return in.revocations.Append({RevokeSessionEntry(SessionId("ses_1"), end)});
  });
  world_.clock.Advance(absl::Hours(1) + 2 * kRevocationSlack);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, 0);
  world_.clock.Advance(absl::Microseconds(1));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, 1);
  EXPECT_TRUE(world_.Feed().empty());
}

TEST_F(StoreCleanerTest, NoTransactionRemovesMoreThanABatch) {
  static_assert(StoreCleaner::kBatch <= 1000);
  AppendOver(StoreCleaner::kBatch + 5);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, StoreCleaner::kBatch);
  EXPECT_EQ(Entries(), 5);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, 5);
}

TEST_F(StoreCleanerTest, FullBatchesFollowEachOtherUntilNothingIsLeft) {
  AppendOver(2 * StoreCleaner::kBatch + 1);
  EXPECT_EQ(Require(cleaner_.CleanAll()).revocations, 2 * StoreCleaner::kBatch + 1);
  EXPECT_EQ(Entries(), 0);
}

TEST_F(StoreCleanerTest, NothingIsDoneAtTheStart) {
  WatchedStore watched(*world_.direct, world_.clock);
  { const StoreCleaner cleaner(watched, world_.clock, world_.log); }
  EXPECT_EQ(watched.calls(), 0);
}

TEST_F(StoreCleanerTest, ExpiredSecretsAndUsedAssertionsGoWhenTheyHaveBeenOverForTheSlack) {
  const absl::Time end = world_.clock.Now() + absl::Hours(1);
  storage::ServiceAccount account;
  account.id = ServiceId::Random(world_.clock.Now());
  account.name = "mail";
  storage::ServiceSecret lasting;
  lasting.id = SecretId::Random(world_.clock.Now());
  lasting.service_id = account.id;
  storage::ServiceSecret expiring = lasting;
  expiring.id = SecretId::Random(world_.clock.Now());
  expiring.expires_at = end;
  world_.Write([&](storage::Repositories& in) {
    TESSERA_RETURN_IF_ERROR(in.services.Insert(account));
    TESSERA_RETURN_IF_ERROR(in.services.InsertSecret(lasting));
    TESSERA_RETURN_IF_ERROR(in.services.InsertSecret(expiring));
    return in.services.ConsumeAssertion("an assertion", "a use", end).status();
  });
  world_.clock.Advance(absl::Hours(1) + kRevocationSlack);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).Total(), 0);
  world_.clock.Advance(absl::Microseconds(1));
  const StoreCleaner::Removed removed = Require(cleaner_.CleanOnce());
  EXPECT_EQ(removed.secrets, 1);
  EXPECT_EQ(removed.assertions, 1);
}

TEST_F(StoreCleanerTest, AnsweredRequestsGoWhenTheyHaveBeenOverForTheSlack) {
  const absl::Time end = world_.clock.Now() + absl::Hours(1);
  world_.Write([&](storage::Repositories& in) {
    return in.requests.Keep({"hash", "content", "usr_1", end}, world_.clock.Now()).status();
  });
  world_.clock.Advance(absl::Hours(1) + kRevocationSlack);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).requests, 0);
  world_.clock.Advance(absl::Microseconds(1));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).requests, 1);
}

TEST_F(StoreCleanerTest, ResetTokensGoWhenTheyHaveBeenOverForTheSlack) {
  const absl::Time end = world_.clock.Now() + absl::Hours(1);
  const UserId ada = world_.AddUser("ada").id;
  world_.Write([&](storage::Repositories& in) {
    return in.passwords.PutReset({ada, 1, "hash", "key", end});
  });
  world_.clock.Advance(absl::Hours(1) + kRevocationSlack);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).resets, 0);
  world_.clock.Advance(absl::Microseconds(1));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).resets, 1);
}

TEST_F(StoreCleanerTest, TheCostOfAHashIsForgottenWithItsLastUser) {
  const storage::User ada = world_.AddUser("ada");
  const UserId bob = world_.AddUser("bob").id;
  world_.ChangeUser(bob, [](storage::User& user) { user.password_hash = "$other$cost$a$b"; });
  EXPECT_EQ(Require(cleaner_.CleanOnce()).costs, 0);
  world_.ChangeUser(bob, [&](storage::User& user) { user.password_hash = ada.password_hash; });
  EXPECT_EQ(Require(cleaner_.CleanOnce()).costs, 1);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).costs, 0);
}

TEST_F(StoreCleanerTest, ReportsOfReplicasThatAreGoneGo) {
  world_.Write([&](storage::Repositories& in) {
    return in.replicas.Report({"rep_1", world_.clock.Now(), 1, 1});
  });
  world_.clock.Advance(StoreCleaner::kReportLife);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).reports, 0);
  world_.clock.Advance(absl::Microseconds(1));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).reports, 1);
}

// Cleaners of two replicas on one store.
class ElectedCleanerTest : public StoreCleanerTest {
 protected:
  ElectedCleanerTest() { AppendOver(3 * StoreCleaner::kBatch); }

  int64_t RemovedBy(StoreCleaner& cleaner) { return Require(cleaner.CleanOnce()).revocations; }
  // As the last that a process does that is killed.
  void TakeLeaseForOneThatIsGone(absl::Duration later = absl::ZeroDuration()) {
    world_.Write([&](storage::Repositories& in) {
      const absl::Time now = world_.clock.Now() + later;
      return in.replicas.TakeLease("cleaner", "gone", now, now + StoreCleaner::kLease).status();
    });
  }

  StoreCleaner other_{*world_.store, world_.clock, world_.log};
};

TEST_F(ElectedCleanerTest, OneOfThemCleans) {
  EXPECT_EQ(RemovedBy(cleaner_), StoreCleaner::kBatch);
  EXPECT_EQ(RemovedBy(other_), 0);
  EXPECT_EQ(RemovedBy(cleaner_), StoreCleaner::kBatch);
  EXPECT_EQ(world_.log.Count("store.cleaner_elected"), 1);
}

TEST_F(ElectedCleanerTest, OneThatIsGoneIsReplacedWhenItsLeaseEnds) {
  TakeLeaseForOneThatIsGone();
  world_.clock.Advance(StoreCleaner::kLease - absl::Microseconds(1));
  EXPECT_EQ(RemovedBy(cleaner_), 0);
  world_.clock.Advance(absl::Microseconds(1));
  EXPECT_EQ(RemovedBy(cleaner_), StoreCleaner::kBatch);
  EXPECT_EQ(RemovedBy(other_), 0);
}

TEST_F(ElectedCleanerTest, EachBatchKeepsTheLease) {
  EXPECT_EQ(RemovedBy(cleaner_), StoreCleaner::kBatch);
  world_.clock.Advance(StoreCleaner::kLease - absl::Microseconds(1));
  EXPECT_EQ(RemovedBy(cleaner_), StoreCleaner::kBatch);
  world_.clock.Advance(StoreCleaner::kLease - absl::Microseconds(1));
  EXPECT_EQ(RemovedBy(other_), 0);
}

TEST_F(ElectedCleanerTest, OneThatLostItsLeaseInTheMiddleStops) {
  // Its first write remembers the time, its second finds no sessions, its third removes a batch of
  // revocations.
  world_.store->BeforeNextWrite([this] {
    world_.store->BeforeNextWrite([this] {
      world_.store->BeforeNextWrite([this] {
        world_.store->BeforeNextWrite([this] { TakeLeaseForOneThatIsGone(StoreCleaner::kLease); });
      });
    });
  });
  EXPECT_EQ(Require(cleaner_.CleanAll()).revocations, StoreCleaner::kBatch);
  EXPECT_EQ(Entries(), 2 * StoreCleaner::kBatch);
  EXPECT_EQ(world_.log.Count("store.cleaner_replaced"), 1);
}

TEST_F(ElectedCleanerTest, OneThatGoesGivesTheLeaseBack) {
  {
    StoreCleaner first(*world_.store, world_.clock, world_.log);
    EXPECT_EQ(RemovedBy(first), StoreCleaner::kBatch);
    EXPECT_EQ(RemovedBy(other_), 0);
  }
  EXPECT_EQ(RemovedBy(other_), StoreCleaner::kBatch);
}

TEST_F(ElectedCleanerTest, OneWhoseClockIsWrongLetsAnotherHaveTheLease) {
  EXPECT_EQ(RemovedBy(cleaner_), StoreCleaner::kBatch);
  world_.store->set_database_time(world_.clock.Now() + absl::Minutes(1));
  world_.clock.Advance(StoreCleaner::kLease);
  EXPECT_EQ(Require(cleaner_.CleanAll()).revocations, 0);
  EXPECT_EQ(RemovedBy(other_), StoreCleaner::kBatch);
}

TEST_F(StoreCleanerTest, ASessionGoesWhenNoTokenOfItCanBeAlive) {
  world_.AddUser("ada");
  const IssuedGrant over = world_.Login("ada");
  ASSERT_TRUE(world_.auth->Logout(world_.call, over.refresh_token).ok());
  world_.clock.Advance(absl::Hours(24));
  const IssuedGrant live = world_.Login("ada");
  EXPECT_EQ(Require(cleaner_.CleanOnce()).sessions, 0);
  world_.clock.Advance(kRevocationSlack + absl::Seconds(1));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).sessions, 1);
  EXPECT_FALSE(world_.SessionRow(over.session_id).has_value());
  EXPECT_TRUE(world_.SessionRow(live.session_id).has_value());
  EXPECT_EQ(Reason(world_.auth->Renew(world_.call, over.refresh_token)), "SESSION_ENDED");
}

class SkippingCleanerTest : public StoreCleanerTest {
 protected:
  SkippingCleanerTest() {
    world_.Write([&](storage::Repositories& in) {
      return in.revocations.Append({RevokeSessionEntry(SessionId("ses_1"), world_.clock.Now())});
    });
    world_.clock.Advance(absl::Hours(1));
  }
  // How many a turn removes if the database's clock is `ahead` of this machine's.
  int64_t RemovedWithDatabase(absl::Duration ahead) {
    world_.store->set_database_time(world_.clock.Now() + ahead);
    return Require(watched_.CleanAll()).revocations;
  }
  int Skipped() const { return world_.log.Count("store.clean_skipped"); }

  StoreCleaner watched_{*world_.store, world_.clock, world_.log};
};

TEST_F(SkippingCleanerTest, AClockThatDiffersByMoreThanTheLimitSkipsTheTurnAndSaysSoOnce) {
  const absl::Duration beyond = StoreCleaner::kMaxClockDifference + absl::Microseconds(1);
  EXPECT_EQ(RemovedWithDatabase(-beyond), 0);
  EXPECT_EQ(RemovedWithDatabase(beyond), 0);
  EXPECT_EQ(world_.Feed().size(), 1u);
  EXPECT_EQ(Skipped(), 1);
  EXPECT_EQ(RemovedWithDatabase(absl::ZeroDuration()), 1);
  EXPECT_EQ(world_.log.Count("store.clean_resumed"), 1);
  EXPECT_EQ(RemovedWithDatabase(beyond), 0);
  EXPECT_EQ(Skipped(), 2);
}

TEST_F(SkippingCleanerTest, AClockThatDiffersByTheLimitDoesNot) {
  EXPECT_EQ(RemovedWithDatabase(-StoreCleaner::kMaxClockDifference), 1);
  EXPECT_EQ(Skipped(), 0);
}

TEST_F(SkippingCleanerTest, WithoutTheDatabasesTimeNothingIsRemoved) {
  world_.store->set_away(true);
  EXPECT_EQ(Reason(watched_.CleanAll()), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(world_.Feed().size(), 1u);
}

TEST_F(StoreCleanerTest, AWallClockThatJumpsForwardRemovesNothing) {
  world_.Write([&](storage::Repositories& in) {
    return in.revocations.Append({RevokeSessionEntry(SessionId("ses_1"), world_.clock.Now())});
  });
  world_.clock.SetWall(world_.clock.Now() + absl::Hours(1000));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, 0);
  EXPECT_EQ(world_.Feed().size(), 1u);
}

// The clock is ahead already when the program starts; the store tells how far pruning had come.
class RestartedCleanerTest : public StoreCleanerTest {
 protected:
  // An entry that lives for an hour, beside a cleaner that ran until now.
  RestartedCleanerTest() {
    Require(cleaner_.CleanOnce());
    const absl::Time end = world_.clock.Now() + absl::Hours(1);
    world_.Write([&](storage::Repositories& in) {
      return in.revocations.Append({RevokeSessionEntry(SessionId("ses_1"), end)});
    });
  }
  void SetWallAhead(absl::Duration step) { world_.clock.SetWall(world_.clock.Now() + step); }
};

TEST_F(RestartedCleanerTest, AStartWithTheClockADayAheadForgetsNothingEarly) {
  EXPECT_EQ(PruningClock::kTrustedAfter, kMaxAccessTtl + kRevocationSlack + kWriterBehind);
  SetWallAhead(absl::Hours(25));
  StoreCleaner restarted(*world_.store, world_.clock, world_.log);
  EXPECT_EQ(Require(restarted.CleanOnce()).revocations, 0);
  world_.clock.Advance(absl::Minutes(50));
  EXPECT_EQ(Require(restarted.CleanOnce()).revocations, 0);
  world_.clock.Advance(absl::Minutes(10) + 2 * kRevocationSlack + absl::Seconds(1));
  EXPECT_EQ(Require(restarted.CleanOnce()).revocations, 1) << "its time is over by any clock";
}

TEST_F(RestartedCleanerTest, NorDoesOneThatStartsAgainAndAgain) {
  for (int i = 0; i < 5; ++i) {
    SetWallAhead(absl::Hours(25));
    StoreCleaner restarted(*world_.store, world_.clock, world_.log);
    EXPECT_EQ(Require(restarted.CleanOnce()).revocations, 0) << i;
  }
}

TEST_F(RestartedCleanerTest, AfterALongStopTheWallClockIsBelievedADayLater) {
  SetWallAhead(absl::Hours(24 * 7));
  StoreCleaner restarted(*world_.store, world_.clock, world_.log);
  EXPECT_EQ(Require(restarted.CleanOnce()).revocations, 0);
  world_.clock.Advance(PruningClock::kTrustedAfter);
  world_.Write([&](storage::Repositories& in) {
    const absl::Time over = world_.clock.Now() - absl::Hours(1);
    return in.revocations.Append({RevokeSessionEntry(SessionId("ses_2"), over)});
  });
  EXPECT_EQ(Require(restarted.CleanOnce()).revocations, 2) << "also by the wall clock alone";
}

}  // namespace
}  // namespace tessera::server
