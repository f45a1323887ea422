#include "storage/sql/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "storage/sql/mysql_connection.h"
#include "storage/sql/mysql_engine.h"
#include "storage/sql/sqlite_engine.h"
#include "storage/sql/statement.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::storage::sql {
namespace {

// An empty database and the way to it.
class Place {
 public:
  virtual ~Place() = default;
  virtual std::unique_ptr<soci::session> Connect() = 0;
  virtual const Engine& engine() const = 0;
};

class SqlitePlace final : public Place {
 public:
  std::unique_ptr<soci::session> Connect() override {
    auto session = SqliteEngine::Connect(folder_.Path("test.db"), Access::kWrite);
    // Nothing here is about the disk, and there are many commits.
    Statement(*session, "PRAGMA synchronous=OFF").Run();
    return session;
  }
  const Engine& engine() const override { return engine_; }

 private:
  testing::TemporaryFolder folder_;
  SqliteEngine engine_;
};

class MariaDbPlace final : public Place {
 public:
  std::unique_ptr<soci::session> Connect() override { return ConnectMysql(database_.options()); }
  const Engine& engine() const override { return engine_; }

 private:
  testing::MariaDbDatabase database_{testing::MariaDb::Shared()};
  MysqlEngine engine_;
};

enum class Where { kSqlite, kMariaDb };

class MigrationsTest : public ::testing::TestWithParam<Where> {
 protected:
  MigrationsTest() { Renew(); }

  // Another database, empty.
  void Renew() {
    session_.reset();
    place_.reset();
    if (GetParam() == Where::kSqlite) {
      place_ = std::make_unique<SqlitePlace>();
    } else {
      place_ = std::make_unique<MariaDbPlace>();
    }
    session_ = place_->Connect();
  }
  Steps All() const { return AllSteps(place_->engine()); }
  absl::Status Run(const Steps& steps) {
    return Migrate(*session_, place_->engine(), steps, options_, clock_, NoLog());
  }
  // The row that tells the version, and no step taken.
  void MakeState() {
    EXPECT_TRUE(Run({"DELETE FROM schema_state WHERE id = 2"}).ok());
    Execute("UPDATE schema_state SET version = 0");
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

  testing::FakeClock clock_;
  MigrationOptions options_{
      .sole_owner = false, .lease_life = absl::Seconds(30), .patience = absl::ZeroDuration()};
  std::unique_ptr<Place> place_;
  std::unique_ptr<soci::session> session_;
};

TEST_P(MigrationsTest, AllStepsAreTakenOnceAndTheLeaseIsGivenBack) {
  const Steps steps = All();
  EXPECT_TRUE(Run(steps).ok());
  EXPECT_EQ(Version(), static_cast<int64_t>(steps.size()));
  EXPECT_EQ(Number("SELECT COUNT(*) FROM schema_state WHERE holder = ''"), 1);
  EXPECT_TRUE(Run(steps).ok());
  EXPECT_EQ(Number("SELECT seq FROM feed"), 0);
}

TEST_P(MigrationsTest, TheCostOfHashesThatWereThereBeforeIsNoted) {
  Steps before = All();
  const auto begins = [](const std::string& step) {
    return step.find("ADD COLUMN hash_cost") != std::string::npos;
  };
  before.erase(std::find_if(before.begin(), before.end(), begins), before.end());
  ASSERT_TRUE(Run(before).ok());
  const std::string cost = "$argon2id$v=19$m=19456,t=2,p=1";
  const std::string columns =
      "INSERT INTO users (id, username, display_name, state, version, revision, created_at,"
      " updated_at, password_hash) VALUES ";
  Execute(columns + "('usr_1', 'ada', '', 0, 1, 1, 0, 0, '" + cost + "$" + std::string(22, 's') +
          "$" + std::string(43, 't') + "')");
  Execute(columns + "('usr_2', 'bob', '', 0, 1, 1, 0, 0, 'no hash')");
  EXPECT_TRUE(Run(All()).ok());
  EXPECT_EQ(Number("SELECT COUNT(*) FROM password_costs"), 1);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM password_costs WHERE cost = '" + cost + "'"), 1);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM users WHERE hash_cost = '" + cost + "'"), 1);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM users WHERE hash_cost IS NULL"), 0);
}

// A kill may come behind any step, before or after it is written down.
TEST_P(MigrationsTest, WhereverTheFirstWasKilledTheNextCarriesOn) {
  const Steps all = All();
  for (size_t done = 0; done <= all.size(); ++done) {
    for (const bool recorded : {false, true}) {
      Renew();
      EXPECT_TRUE(Run(Steps(all.begin(), all.begin() + static_cast<ptrdiff_t>(done))).ok());
      if (done == 0) MakeState();
      if (!recorded && done < all.size()) Execute(all[done]);
      LeaveLease(clock_.Now() - absl::Seconds(30));
      EXPECT_TRUE(Run(all).ok()) << done;
      EXPECT_EQ(Version(), static_cast<int64_t>(all.size()));
      EXPECT_EQ(Number("SELECT COUNT(*) FROM feed"), 1);
      EXPECT_EQ(Number("SELECT COUNT(*) FROM key_set"), 1);
    }
  }
}

TEST_P(MigrationsTest, EveryStepMayBeRunAgain) {
  EXPECT_TRUE(Run(All()).ok());
  Execute("UPDATE feed SET seq = 7");
  Execute("UPDATE schema_state SET version = 0");
  EXPECT_TRUE(Run(All()).ok());
  EXPECT_EQ(Number("SELECT seq FROM feed"), 7);
}

TEST_P(MigrationsTest, ALiveLeaseOfSomebodyElseIsWaitedForThenUnavailable) {
  MakeState();
  for (const absl::Duration age :
       {absl::ZeroDuration(), absl::Seconds(30) - absl::Microseconds(1), absl::Seconds(-29)}) {
    LeaveLease(clock_.Now() - age);
    EXPECT_EQ(ReasonOf(Run(All())), reason::kStorageUnavailable) << age;
    EXPECT_EQ(Version(), 0);
  }
}

TEST_P(MigrationsTest, ALeaseWhoseHeartbeatIsOldOrFarInTheFutureIsTakenOver) {
  for (const absl::Duration age : {absl::Seconds(30), absl::Hours(-1)}) {
    EXPECT_TRUE(Run(All()).ok());
    Execute("UPDATE schema_state SET version = 0");
    LeaveLease(clock_.Now() - age);
    EXPECT_TRUE(Run(All()).ok());
    Execute("UPDATE schema_state SET version = 0");
  }
}

TEST_P(MigrationsTest, TheSoleOwnerOfTheFileTakesALeaseThatAKilledProcessLeft) {
  MakeState();
  LeaveLease(clock_.Now());
  options_.sole_owner = true;
  EXPECT_TRUE(Run(All()).ok());
}

TEST_P(MigrationsTest, WhoLosesTheLeaseStops) {
  MakeState();
  const Steps steps = {"UPDATE schema_state SET holder = 'mig_other'",
                       "CREATE TABLE never (id BIGINT NOT NULL PRIMARY KEY)"};
  EXPECT_EQ(ReasonOf(Run(steps)), reason::kStorageUnavailable);
  EXPECT_ANY_THROW(Number("SELECT COUNT(*) FROM never"));
}

TEST_P(MigrationsTest, AStepThatFailsIsAnErrorAndIsNotWrittenDown) {
  EXPECT_EQ(Run({"CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY)", "NOT SQL"}).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(Version(), 1);
}

TEST_P(MigrationsTest, ReplicasStartingTogetherMigrateOnce) {
  const Steps steps = All();
  options_.patience = absl::Seconds(60);
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(4);
  for (absl::Status& result : results) {
    threads.emplace_back([&] {
      auto session = place_->Connect();
      result = Migrate(*session, place_->engine(), steps, options_, clock_, NoLog());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(Version(), static_cast<int64_t>(steps.size()));
}

TEST_P(MigrationsTest, ASchemaThatIsUpToDateIsOnlyRead) {
  const auto check = [&] {
    return CheckSchema(*session_, place_->engine(), All(), clock_, NoLog()).code();
  };
  EXPECT_EQ(check(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Run(All()).ok());
  EXPECT_EQ(check(), absl::StatusCode::kOk);
  LeaveLease(clock_.Now());
  EXPECT_TRUE(Run(All()).ok());
  Execute("UPDATE schema_state SET version = version + 1, min_compatible = version + 1");
  EXPECT_EQ(check(), absl::StatusCode::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Engines, MigrationsTest,
                         ::testing::Values(Where::kSqlite, Where::kMariaDb), [](const auto& where) {
                           return where.param == Where::kSqlite ? "Sqlite" : "MariaDb";
                         });

}  // namespace
}  // namespace tessera::storage::sql
