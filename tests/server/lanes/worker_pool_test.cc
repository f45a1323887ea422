#include "server/lanes/worker_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"

namespace tessera::server {
namespace {

using ::tessera::testing::FakeClock;

// A job that holds its thread until it is let go.
class Blocker {
 public:
  WorkerPool::Job Job() {
    WorkerPool::Job job;
    job.run = [this](absl::Status) {
      started_.set_value();
      release_.get_future().wait();
    };
    return job;
  }
  void AwaitStart() { started_.get_future().wait(); }
  void Release() { release_.set_value(); }

 private:
  std::promise<void> started_, release_;
};

WorkerPool::Job Recording(std::promise<absl::Status>& told) {
  WorkerPool::Job job;
  job.run = [&told](absl::Status status) { told.set_value(std::move(status)); };
  return job;
}

TEST(WorkerPool, EachThreadPreparesItselfBeforeItsFirstWork) {
  thread_local bool prepared = false;
  FakeClock clock;
  std::atomic<int> preparations{0};
  {
    WorkerPool::Options options;
    options.threads = 3;
    options.on_start = [&] {
      prepared = true;
      ++preparations;
    };
    WorkerPool pool(options, clock);
    for (int i = 0; i < 20; ++i) {
      WorkerPool::Job job;
      job.run = [](const absl::Status&) { EXPECT_TRUE(prepared); };
      pool.Submit(std::move(job));
    }
  }
  EXPECT_EQ(preparations, 3);
}

TEST(WorkerPool, RunsWorkOnAThreadOfItsOwn) {
  FakeClock clock;
  WorkerPool pool({.name = "test"}, clock);
  std::promise<std::thread::id> ran_on;
  WorkerPool::Job job;
  job.run = [&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    ran_on.set_value(std::this_thread::get_id());
  };
  pool.Submit(std::move(job));
  EXPECT_NE(ran_on.get_future().get(), std::this_thread::get_id());
}

TEST(WorkerPool, FullQueueRefusesAtOnceOnTheCallersThread) {
  FakeClock clock;
  Blocker blocker;
  WorkerPool pool({.name = "test", .threads = 1, .max_queued = 1}, clock);
  pool.Submit(blocker.Job());
  blocker.AwaitStart();
  std::promise<absl::Status> queued;
  pool.Submit(Recording(queued));

  absl::Status refused;
  WorkerPool::Job one_too_many;
  one_too_many.run = [&](absl::Status status) { refused = std::move(status); };
  pool.Submit(std::move(one_too_many));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), reason::kOverloaded);
  EXPECT_EQ(RetryDelayOf(refused), absl::Seconds(1));

  blocker.Release();
  EXPECT_TRUE(queued.get_future().get().ok());
}

TEST(WorkerPool, WorkWhoseDeadlineIsExactlyNowIsNotStarted) {
  FakeClock clock;
  WorkerPool pool({.name = "test"}, clock);
  std::promise<absl::Status> told;
  WorkerPool::Job job = Recording(told);
  job.deadline = clock.Now();
  pool.Submit(std::move(job));
  EXPECT_EQ(told.get_future().get().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(WorkerPool, WorkWhoseDeadlineIsAheadRuns) {
  FakeClock clock;
  WorkerPool pool({.name = "test"}, clock);
  std::promise<absl::Status> told;
  WorkerPool::Job job = Recording(told);
  job.deadline = clock.Now() + absl::Microseconds(1);
  pool.Submit(std::move(job));
  EXPECT_TRUE(told.get_future().get().ok());
}

TEST(WorkerPool, DeadlineThatPassesWhileWaitingDropsTheWork) {
  FakeClock clock;
  Blocker blocker;
  WorkerPool pool({.name = "test"}, clock);
  pool.Submit(blocker.Job());
  blocker.AwaitStart();
  std::promise<absl::Status> told;
  WorkerPool::Job job = Recording(told);
  job.deadline = clock.Now() + absl::Seconds(1);
  pool.Submit(std::move(job));
  clock.Advance(absl::Seconds(2));
  blocker.Release();
  EXPECT_EQ(told.get_future().get().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(WorkerPool, DeadlineThatPassesWhileAllThreadsAreHeldUpIsToldWithoutWaitingForThem) {
  FakeClock clock;
  Blocker blocker;
  WorkerPool pool({.name = "test",
                   .too_late = RetryableRefusal(absl::StatusCode::kUnavailable,
                                                reason::kStorageUnavailable, "", absl::Seconds(1))},
                  clock);
  pool.Submit(blocker.Job());
  blocker.AwaitStart();
  std::promise<absl::Status> early, late;
  WorkerPool::Job first = Recording(late), second = Recording(early);
  first.deadline = clock.Now() + absl::Seconds(60);
  second.deadline = clock.Now() + absl::Seconds(1);
  pool.Submit(std::move(first));
  pool.Submit(std::move(second));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(early.get_future().get()), reason::kStorageUnavailable);
  blocker.Release();
  EXPECT_TRUE(late.get_future().get().ok());
}

TEST(WorkerPool, AbandonedWorkIsToldSoAndNotStarted) {
  FakeClock clock;
  WorkerPool pool({.name = "test"}, clock);
  std::promise<absl::Status> told;
  WorkerPool::Job job = Recording(told);
  job.abandoned = [] { return true; };
  pool.Submit(std::move(job));
  EXPECT_EQ(told.get_future().get().code(), absl::StatusCode::kCancelled);
}

TEST(WorkerPool, DestructorRunsWhatIsQueued) {
  FakeClock clock;
  std::atomic<int> ran{0};
  Blocker blocker;
  {
    WorkerPool pool({.name = "test", .threads = 2, .max_queued = 100}, clock);
    pool.Submit(blocker.Job());
    blocker.AwaitStart();
    for (int i = 0; i < 50; ++i) {
      WorkerPool::Job job;
      job.run = [&ran](absl::Status status) { ran += status.ok() ? 1 : 0; };
      pool.Submit(std::move(job));
    }
    blocker.Release();
  }
  EXPECT_EQ(ran, 50);
}

TEST(WorkerPool, EachJobIsToldExactlyOnceHoweverManySubmit) {
  FakeClock clock;
  constexpr int kSubmitters = 4;
  constexpr int kJobs = 500;
  std::atomic<int> told{0};
  {
    WorkerPool pool({.name = "test", .threads = 3, .max_queued = 16}, clock);
    std::vector<std::thread> submitters;
    for (int s = 0; s < kSubmitters; ++s) {
      submitters.emplace_back([&] {
        for (int i = 0; i < kJobs; ++i) {
          WorkerPool::Job job;
          job.run = [&told](absl::Status) { ++told; };
          pool.Submit(std::move(job));
        }
      });
    }
    for (std::thread& submitter : submitters) submitter.join();
  }
  EXPECT_EQ(told, kSubmitters * kJobs);
}

TEST(WorkerPool, NiceIsOfTheThreadsNotOfTheProcess) {
  FakeClock clock;
  const int own = getpriority(PRIO_PROCESS, 0);
  WorkerPool pool({.name = "test", .nice = 10}, clock);
  std::promise<int> niceness;
  WorkerPool::Job job;
  job.run = [&](absl::Status) {
    niceness.set_value(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())));
  };
  pool.Submit(std::move(job));
  EXPECT_EQ(niceness.get_future().get(), 10);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

}  // namespace
}  // namespace tessera::server
