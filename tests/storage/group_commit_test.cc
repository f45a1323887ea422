#include "storage/sql/group_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "storage/sql/sql_repositories.h"
#include "storage/sql/sqlite_engine.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"

namespace tessera::storage::sql {
namespace {

// Knows how often it was asked for the time. GroupCommit asks after a work has joined the queue,
// under its lock: so a test can wait until somebody has joined.
class ArrivalClock final : public Clock {
 public:
  absl::Time Now() const override {
    ++asked_;
    asked_.notify_all();
    return clock.Now();
  }
  absl::Duration Monotonic() const override { return clock.Monotonic(); }
  // Waits until Now was asked `more` times since `since`.
  void AwaitAsked(int since, int more) const {
    for (int seen = asked_; seen < since + more; seen = asked_) asked_.wait(seen);
  }
  int asked() const { return asked_; }

  testing::FakeClock clock;

 private:
  mutable std::atomic<int> asked_ = 0;
};

// Counts, and fails where it is told to.
class CountingTransaction final : public BatchTransaction {
 public:
  absl::Status Begin(absl::Time) override {
    if (on_begin) on_begin();
    if (!begin_error.ok()) return begin_error;
    ++begun;
    return absl::OkStatus();
  }
  absl::Status Run(Store::Work work) override {
    works_in_batch = batch_open ? works_in_batch + 1 : 1;
    batch_open = true;
    largest_batch = std::max(largest_batch, works_in_batch);
    return RunWork(*session_, engine_, NoLog(), work).status;
  }
  bool Intact() override { return intact; }
  absl::Status Commit() override {
    batch_open = false;
    ++committed;
    return commit_error;
  }
  void Rollback() override {
    batch_open = false;
    ++rolled_back;
  }

  std::function<void()> on_begin;
  absl::Status begin_error;
  absl::Status commit_error;
  bool intact = true;
  bool batch_open = false;
  int begun = 0;
  int committed = 0;
  int rolled_back = 0;
  int works_in_batch = 0;
  int largest_batch = 0;

 private:
  testing::TemporaryFolder folder_;
  const SqliteEngine engine_{};
  const std::unique_ptr<soci::session> session_ =
      SqliteEngine::Connect(folder_.Path("test.db"), Access::kWrite);
};

absl::Status Fine(Repositories&) { return absl::OkStatus(); }

class GroupCommitTest : public ::testing::Test {
 protected:
  absl::Status Run(Store::Work work = Fine) { return group_.Run(absl::InfiniteFuture(), work); }

  // Runs `works` so that all of them wait in the queue when the leader's own work is under way;
  // the answers, the leader's first.
  std::vector<absl::Status> RunTogether(std::vector<std::function<absl::Status()>> works) {
    std::vector<absl::Status> answers(works.size());
    std::latch leading(1);
    std::latch go_on(1);
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      answers[0] = Run([&](Repositories&) {
        leading.count_down();
        go_on.wait();
        return works[0]();
      });
    });
    leading.wait();
    const int before = clock_.asked();
    for (size_t i = 1; i < works.size(); ++i) {
      threads.emplace_back([&, i] { answers[i] = Run([&](Repositories&) { return works[i](); }); });
    }
    clock_.AwaitAsked(before, static_cast<int>(works.size()) - 1);
    go_on.count_down();
    for (std::thread& thread : threads) thread.join();
    return answers;
  }

  ArrivalClock clock_;
  CountingTransaction transaction_;
  GroupCommit group_{transaction_, clock_};
};

TEST_F(GroupCommitTest, WorksThatWaitTogetherAreCommittedTogether) {
  const auto answers =
      RunTogether(std::vector<std::function<absl::Status()>>(10, [] { return absl::OkStatus(); }));
  for (const absl::Status& answer : answers) EXPECT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(transaction_.committed, 1);
}

TEST_F(GroupCommitTest, ABatchIsBounded) {
  RunTogether(std::vector<std::function<absl::Status()>>(GroupCommit::kMaxBatch + 10,
                                                         [] { return absl::OkStatus(); }));
  EXPECT_EQ(transaction_.largest_batch, static_cast<int>(GroupCommit::kMaxBatch));
  EXPECT_EQ(transaction_.committed, 2);
}

TEST_F(GroupCommitTest, ABatchTakesNoMoreWorksOnceItsTimeIsUp) {
  RunTogether({[&] {
                 clock_.clock.Advance(GroupCommit::kMaxBatchTime);
                 return absl::OkStatus();
               },
               [] { return absl::OkStatus(); }});
  EXPECT_EQ(transaction_.committed, 2);
}

TEST_F(GroupCommitTest, EachGetsItsOwnAnswer) {
  const auto answers =
      RunTogether({[] { return absl::OkStatus(); }, [] { return absl::AbortedError("mine"); },
                   [] { return absl::OkStatus(); }});
  EXPECT_TRUE(answers[0].ok());
  EXPECT_TRUE(absl::IsAborted(answers[1]));
  EXPECT_TRUE(answers[2].ok());
  EXPECT_EQ(transaction_.committed, 1);
}

TEST_F(GroupCommitTest, AFailedCommitIsEverybodysAnswer) {
  transaction_.commit_error = absl::UnavailableError("disk");
  const auto answers = RunTogether({[] { return absl::OkStatus(); },
                                    [] { return absl::AlreadyExistsError("a neighbour's name"); },
                                    [] { return absl::OkStatus(); }});
  for (const absl::Status& answer : answers) EXPECT_TRUE(absl::IsUnavailable(answer)) << answer;
}

TEST_F(GroupCommitTest, ALostTransactionIsEverybodysAnswerAndIsNotCommitted) {
  const auto answers = RunTogether({[] { return absl::OkStatus(); },
                                    [&] {
                                      transaction_.intact = false;
                                      return absl::InternalError("full");
                                    }});
  for (const absl::Status& answer : answers) {
    EXPECT_EQ(ReasonOf(answer), reason::kStorageUnavailable) << answer;
  }
  EXPECT_EQ(transaction_.committed, 0);
  transaction_.intact = true;
  EXPECT_TRUE(Run().ok());
}

TEST_F(GroupCommitTest, NothingIsCommittedWhereEverybodyWasRefused) {
  EXPECT_TRUE(absl::IsAborted(Run([](Repositories&) { return absl::AbortedError("no"); })));
  EXPECT_EQ(transaction_.committed, 0);
  EXPECT_EQ(transaction_.rolled_back, 1);
}

TEST_F(GroupCommitTest, ATransactionThatCannotBeginFailsItsLeaderAndTheNextTriesAgain) {
  transaction_.begin_error = absl::UnavailableError("busy");
  EXPECT_TRUE(absl::IsUnavailable(Run()));
  transaction_.begin_error = absl::OkStatus();
  EXPECT_TRUE(Run().ok());
}

TEST_F(GroupCommitTest, WhoseDeadlinePassesInTheQueueNeverRuns) {
  std::atomic<bool> ran = false;
  std::optional<absl::Status> late;
  EXPECT_TRUE(Run([&](Repositories&) {
                std::thread([&] {
                  late = group_.Run(clock_.Now() + absl::Milliseconds(30), [&](Repositories&) {
                    ran = true;
                    return absl::OkStatus();
                  });
                }).join();
                return absl::OkStatus();
              }).ok());
  ASSERT_TRUE(late.has_value());
  EXPECT_EQ(ReasonOf(*late), reason::kStorageUnavailable);
  EXPECT_FALSE(ran);
}

TEST_F(GroupCommitTest, WhoseDeadlinePassesWhileTheTransactionBeginsNeverRuns) {
  bool ran = false;
  transaction_.on_begin = [&] { clock_.clock.Advance(absl::Seconds(2)); };
  const absl::Status status = group_.Run(clock_.Now() + absl::Seconds(1), [&](Repositories&) {
    ran = true;
    return absl::OkStatus();
  });
  EXPECT_EQ(ReasonOf(status), reason::kStorageUnavailable);
  EXPECT_FALSE(ran);
}

TEST_F(GroupCommitTest, NobodyIsForgottenUnderManyThreadsWithShortDeadlines) {
  std::atomic<int> ran = 0;
  std::atomic<int> fine = 0;
  std::atomic<int> late = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 32; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const absl::Duration patience =
            t % 2 == 0 ? absl::InfiniteDuration() : absl::Microseconds(i % 50);
        const absl::Status status = group_.Run(clock_.Now() + patience, [&](Repositories&) {
          ++ran;
          return absl::OkStatus();
        });
        ++(status.ok() ? fine : late);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fine + late, 32 * 200);
  EXPECT_EQ(ran, fine);
  EXPECT_GE(fine, 16 * 200);
}

}  // namespace
}  // namespace tessera::storage::sql
