#include "server/auth/store_cleaner.h"

#include <gtest/gtest.h>

#include <string>

#include "server/auth/revocations.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

class StoreCleanerTest : public ::testing::Test {
 protected:
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

TEST_F(StoreCleanerTest, OneTurnRemovesAtMostABatch) {
  std::vector<storage::Revocation> many;
  for (int i = 0; i < 1500; ++i) {
    many.push_back(RevokeSessionEntry(SessionId("ses_" + std::to_string(i)), world_.clock.Now()));
  }
  world_.Write([&](storage::Repositories& in) { return in.revocations.Append(many); });
  world_.clock.Advance(absl::Hours(1));
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, 1000);
  EXPECT_EQ(Require(cleaner_.CleanOnce()).revocations, 500);
}

TEST_F(StoreCleanerTest, FullBatchesFollowEachOtherUntilNothingIsLeft) {
  std::vector<storage::Revocation> many;
  for (int i = 0; i < 2 * StoreCleaner::kBatch + 1; ++i) {
    many.push_back(RevokeSessionEntry(SessionId("ses_" + std::to_string(i)), world_.clock.Now()));
  }
  world_.Write([&](storage::Repositories& in) { return in.revocations.Append(many); });
  world_.clock.Advance(absl::Hours(1));
  EXPECT_EQ(Require(cleaner_.CleanAll()).revocations, 2 * StoreCleaner::kBatch + 1);
  EXPECT_TRUE(world_.Feed().empty());
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

}  // namespace
}  // namespace tessera::server
