#include "server/auth/clock_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;

// A store whose answer about the time takes a while.
class SlowStore final : public storage::Store {
 public:
  SlowStore(testing::FakeClock& clock, absl::Duration way) : clock_(clock), way_(way) {}
  absl::Status Read(absl::Time, Work) override { return absl::UnimplementedError(""); }
  absl::Status Write(storage::Repeat, absl::Time, Work) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    deadline_ = deadline;
    clock_.Advance(way_);
    return answer_;
  }
  void set_answer(absl::Time answer) { answer_ = answer; }
  absl::Time deadline() const { return deadline_; }

 private:
  testing::FakeClock& clock_;
  const absl::Duration way_;
  absl::Time answer_;
  absl::Time deadline_;
};

TEST(ClockDifference, OnlyWhatTheWayOfTheAnswerDoesNotExplainCounts) {
  testing::FakeClock clock;
  SlowStore store(clock, absl::Seconds(4));
  const auto ahead_of = [&](absl::Duration since_asked) {
    store.set_answer(clock.Now() + since_asked);
    return Require(ClockDifference(store, clock, absl::Seconds(2)));
  };
  EXPECT_EQ(ahead_of(absl::ZeroDuration()), absl::ZeroDuration());
  EXPECT_EQ(ahead_of(absl::Seconds(4)), absl::ZeroDuration());
  EXPECT_EQ(ahead_of(absl::Seconds(5)), -absl::Seconds(1));
  EXPECT_EQ(ahead_of(-absl::Seconds(1)), absl::Seconds(1));
}

TEST(ClockDifference, AsksWithItsPatienceAsTheDeadline) {
  testing::FakeClock clock;
  SlowStore store(clock, absl::ZeroDuration());
  store.set_answer(clock.Now());
  Require(ClockDifference(store, clock, absl::Seconds(2)).status());
  EXPECT_EQ(store.deadline(), clock.Now() + absl::Seconds(2));
}

TEST(ClockDifference, IsNoneWhereTheDatabaseHasNoClockOfItsOwn) {
  AuthWorld world(std::make_shared<testing::DatabaseUnderTest>(testing::TestEngine::kSqlite), {});
  EXPECT_EQ(Require(ClockDifference(*world.direct, world.clock, absl::Seconds(2))),
            absl::ZeroDuration());
}

TEST(ClockDifference, IsShownWithItsSign) {
  EXPECT_EQ(SignedSeconds(absl::Milliseconds(7250)), "+7.250s");
  EXPECT_EQ(SignedSeconds(-absl::Seconds(3)), "-3.000s");
}

class ClockWatchTest : public ::testing::Test {
 protected:
  // The turns of the watch's own thread are too far apart to come into a test.
  std::unique_ptr<ClockWatch> Watch() {
    ClockWatch::Options options;
    options.interval = absl::Hours(10);
    return std::make_unique<ClockWatch>(
        options, ClockWatch::Parts{*world_.store, world_.clock, world_.log,
                                   [this](bool agrees) { results_.push_back(agrees); }});
  }
  void SetDatabase(absl::Duration ahead) {
    world_.store->set_database_time(world_.clock.Now() + ahead);
  }

  AuthWorld world_;
  std::vector<bool> results_;
};

TEST_F(ClockWatchTest, TheFirstComparisonIsMadeAtTheStart) {
  SetDatabase(absl::Minutes(1));
  const auto watch = Watch();
  EXPECT_THAT(results_, ElementsAre(false));
}

TEST_F(ClockWatchTest, BeyondTheLimitItDiffersAndAtTheLimitItAgrees) {
  SetDatabase(absl::Seconds(5));
  const auto watch = Watch();
  SetDatabase(absl::Seconds(5) + absl::Microseconds(1));
  Require(watch->Compare());
  SetDatabase(-absl::Seconds(5) - absl::Microseconds(1));
  Require(watch->Compare());
  SetDatabase(-absl::Seconds(5));
  Require(watch->Compare());
  EXPECT_THAT(results_, ElementsAre(true, false, false, true));
  EXPECT_EQ(world_.log.Count("clock.differs"), 1);
  EXPECT_EQ(world_.log.Count("clock.differs", "difference", "-5.000s"), 1);
  EXPECT_EQ(world_.log.Count("clock.agrees"), 1);
}

TEST_F(ClockWatchTest, ADatabaseThatIsAwayChangesNothing) {
  SetDatabase(absl::Minutes(1));
  const auto watch = Watch();
  world_.store->set_away(true);
  EXPECT_EQ(Reason(watch->Compare()), "STORAGE_UNAVAILABLE");
  EXPECT_THAT(results_, ElementsAre(false));
}

// Where the clock is wrong, a retry in time would look like theft.
TEST_F(ClockWatchTest, NothingIsRenewedWhileTheClocksDiffer) {
  world_.AddUser("ada");
  const IssuedGrant grant = world_.Login("ada");
  SetDatabase(absl::Minutes(1));
  const auto watch = Watch();
  const AuthFacade auth(WorldOptions::DefaultPolicy(),
                        AuthFacade::Parts{*world_.store, *world_.keys, *world_.hasher, *world_.feed,
                                          world_.clock, world_.log, *world_.throttle, watch.get()});
  const absl::Status refused = auth.Renew(world_.call, grant.refresh_token).status();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_EQ(Reason(refused), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(world_.SessionRow(grant.session_id)->generation, 1);
  SetDatabase(absl::ZeroDuration());
  Require(watch->Compare());
  Require(auth.Renew(world_.call, grant.refresh_token));
  EXPECT_EQ(world_.SessionRow(grant.session_id)->generation, 2);
}

TEST(ClockWatch, ItsOwnThreadNoticesThatTheClockIsRightAgain) {
  AuthWorld world;
  world.store->set_database_time(world.clock.Now() + absl::Minutes(1));
  Mutex mu;
  CondVar changed;
  bool agrees = true;
  ClockWatch::Options options;
  options.interval = absl::Milliseconds(5);
  ClockWatch watch(options,
                   ClockWatch::Parts{*world.store, world.clock, world.log, [&](bool now_agrees) {
                                       MutexLock lock(mu);
                                       agrees = now_agrees;
                                       changed.NotifyAll();
                                     }});
  const auto await = [&](bool wanted) {
    MutexLock lock(mu);
    while (agrees != wanted) changed.Wait(mu);
  };
  await(false);
  world.store->set_database_time(world.clock.Now());
  await(true);
  world.store->set_database_time(world.clock.Now() - absl::Minutes(1));
  await(false);
}

}  // namespace
}  // namespace tessera::server
