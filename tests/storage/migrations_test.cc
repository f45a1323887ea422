#include "storage/sql/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "storage/sql/sqlite_engine.h"
#include "storage/sql/statement.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"

namespace tessera::storage::sql {
namespace {

class MigrationsTest : public ::testing::Test {
 protected:
  MigrationsTest() : session_(Connect()) {}

  std::unique_ptr<soci::session> Connect() {
    auto session = SqliteEngine::Connect(folder_->Path("test.db"), Access::kWrite);
    // Nothing here is about the disk, and there are many commits.
    Statement(*session, "PRAGMA synchronous=OFF").Run();
    return session;
  }
  absl::Status Run(const Steps& steps) {
    return Migrate(*session_, engine_, steps, options_, clock_, NoLog());
  }
  int64_t Number(const std::string& select) {
    int64_t number = -1;
    Statement(*session_, select).Into(number).One();
    return number;
  }
  int64_t Version() { return Number("SELECT version FROM schema_state"); }
  void Execute(const std::string& text) { Statement(*session_, text).Run(); }
  // As if another process had taken the lease at `heartbeat` and said nothing since.
  void LeaveLease(absl::Time heartbeat) {
    Statement(*session_, "UPDATE schema_state SET holder = 'mig_other', heartbeat = :heartbeat")
        .Bind("heartbeat", heartbeat)
        .Run();
  }

  std::unique_ptr<testing::TemporaryFolder> folder_ = std::make_unique<testing::TemporaryFolder>();
  testing::FakeClock clock_;
  SqliteEngine engine_;
  MigrationOptions options_{
      .sole_owner = false, .lease_life = absl::Seconds(30), .patience = absl::ZeroDuration()};
  std::unique_ptr<soci::session> session_;
};

TEST_F(MigrationsTest, AllStepsAreTakenOnceAndTheLeaseIsGivenBack) {
  const Steps steps = AllSteps(engine_);
  EXPECT_TRUE(Run(steps).ok());
  EXPECT_EQ(Version(), static_cast<int64_t>(steps.size()));
  EXPECT_EQ(Number("SELECT COUNT(*) FROM schema_state WHERE holder = ''"), 1);
  EXPECT_TRUE(Run(steps).ok());
  EXPECT_EQ(Number("SELECT seq FROM feed"), 0);
}

// A kill may come behind any step, before or after it is written down.
TEST_F(MigrationsTest, WhereverTheFirstWasKilledTheNextCarriesOn) {
  const Steps all = AllSteps(engine_);
  for (size_t done = 0; done <= all.size(); ++done) {
    for (const bool recorded : {false, true}) {
      session_.reset();
      folder_ = std::make_unique<testing::TemporaryFolder>();
      session_ = Connect();
      EXPECT_TRUE(Run(Steps(all.begin(), all.begin() + static_cast<ptrdiff_t>(done))).ok());
      if (!recorded && done < all.size()) Execute(all[done]);
      LeaveLease(clock_.Now() - absl::Seconds(30));
      EXPECT_TRUE(Run(all).ok()) << done;
      EXPECT_EQ(Version(), static_cast<int64_t>(all.size()));
      EXPECT_EQ(Number("SELECT COUNT(*) FROM feed"), 1);
      EXPECT_EQ(Number("SELECT COUNT(*) FROM key_set"), 1);
    }
  }
}

TEST_F(MigrationsTest, EveryStepMayBeRunAgain) {
  EXPECT_TRUE(Run(AllSteps(engine_)).ok());
  Execute("UPDATE feed SET seq = 7");
  Execute("UPDATE schema_state SET version = 0");
  EXPECT_TRUE(Run(AllSteps(engine_)).ok());
  EXPECT_EQ(Number("SELECT seq FROM feed"), 7);
}

TEST_F(MigrationsTest, ALiveLeaseOfSomebodyElseIsWaitedForThenUnavailable) {
  EXPECT_TRUE(Run({}).ok());
  for (const absl::Duration age :
       {absl::ZeroDuration(), absl::Seconds(30) - absl::Microseconds(1), absl::Seconds(-29)}) {
    LeaveLease(clock_.Now() - age);
    EXPECT_EQ(ReasonOf(Run(AllSteps(engine_))), reason::kStorageUnavailable) << age;
    EXPECT_EQ(Version(), 0);
  }
}

TEST_F(MigrationsTest, ALeaseWhoseHeartbeatIsOldOrFarInTheFutureIsTakenOver) {
  for (const absl::Duration age : {absl::Seconds(30), absl::Hours(-1)}) {
    EXPECT_TRUE(Run(AllSteps(engine_)).ok());
    Execute("UPDATE schema_state SET version = 0");
    LeaveLease(clock_.Now() - age);
    EXPECT_TRUE(Run(AllSteps(engine_)).ok());
    Execute("UPDATE schema_state SET version = 0");
  }
}

TEST_F(MigrationsTest, TheSoleOwnerOfTheFileTakesALeaseThatAKilledProcessLeft) {
  EXPECT_TRUE(Run({}).ok());
  LeaveLease(clock_.Now());
  options_.sole_owner = true;
  EXPECT_TRUE(Run(AllSteps(engine_)).ok());
}

TEST_F(MigrationsTest, WhoLosesTheLeaseStops) {
  EXPECT_TRUE(Run({}).ok());
  const Steps steps = {"UPDATE schema_state SET holder = 'mig_other'",
                       "CREATE TABLE never (id BIGINT NOT NULL PRIMARY KEY)"};
  EXPECT_EQ(ReasonOf(Run(steps)), reason::kStorageUnavailable);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM sqlite_master WHERE name = 'never'"), 0);
}

TEST_F(MigrationsTest, AStepThatFailsIsAnErrorAndIsNotWrittenDown) {
  EXPECT_EQ(Run({"CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY)", "NOT SQL"}).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(Version(), 1);
}

TEST_F(MigrationsTest, ReplicasStartingTogetherMigrateOnce) {
  const Steps steps = AllSteps(engine_);
  options_.patience = absl::Seconds(60);
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(4);
  for (absl::Status& result : results) {
    threads.emplace_back([&] {
      auto session = Connect();
      result = Migrate(*session, engine_, steps, options_, clock_, NoLog());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(Version(), static_cast<int64_t>(steps.size()));
}

}  // namespace
}  // namespace tessera::storage::sql
