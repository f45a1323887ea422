#include "server/lanes/worker_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// What a refused caller is told to wait.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);
// The kernel keeps this many characters of a thread's name.
constexpr size_t kMaxThreadName = 15;

absl::Status Overloaded() {
  return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                          "too much work is waiting", kRetryDelay);
}

}  // namespace

struct WorkerPool::Impl {
  Impl(Options the_options, const Clock& the_clock)
      : options(std::move(the_options)), clock(the_clock) {}

  void Work() {
    pthread_setname_np(pthread_self(), options.name.substr(0, kMaxThreadName).c_str());
    // On Linux a thread has a niceness of its own. Refused only for raising the priority.
    if (options.nice != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), options.nice);
    if (options.on_start) options.on_start();
    while (std::optional<Job> job = Take()) Start(*job);
  }

  // Absent when the pool ends and nothing is queued any more.
  std::optional<Job> Take() {
    MutexLock lock(mu);
    while (queue.empty() && !ending) wake.Wait(mu);
    if (queue.empty()) return std::nullopt;
    Job job = std::move(queue.front());
    queue.pop_front();
    return job;
  }

  void Start(Job& job) {
    if (job.abandoned && job.abandoned()) {
      job.run(absl::CancelledError("the caller has gone"));
    } else if (clock.Now() >= job.deadline) {
      job.run(options.too_late);
    } else {
      job.run(absl::OkStatus());
    }
  }

  // False if the queue is full; `job` is untouched then.
  bool Enqueue(Job& job) {
    MutexLock lock(mu);
    if (ending || queue.size() >= options.max_queued) return false;
    queue.push_back(std::move(job));
    if (sweeper_rests) sweep.NotifyOne();
    return true;
  }

  void Sweep() {
    pthread_setname_np(pthread_self(), options.name.substr(0, kMaxThreadName).c_str());
    while (AwaitSweep()) {
      for (Job& job : TakeOverdue()) job.run(options.too_late);
    }
  }

  // True when it is time to look whether work is overdue; false when the pool ends.
  bool AwaitSweep() {
    MutexLock lock(mu);
    sweeper_rests = true;
    while (queue.empty() && !ending) sweep.Wait(mu);
    sweeper_rests = false;
    bool in_time = true;
    while (in_time && !ending) in_time = sweep.WaitFor(mu, kSweepEvery);
    return !ending;
  }

  std::deque<Job> TakeOverdue() {
    const absl::Time now = clock.Now();
    std::deque<Job> overdue;
    MutexLock lock(mu);
    for (auto job = queue.begin(); job != queue.end();) {
      if (now < job->deadline) {
        ++job;
        continue;
      }
      overdue.push_back(std::move(*job));
      job = queue.erase(job);
    }
    return overdue;
  }

  const Options options;
  const Clock& clock;
  Mutex mu;
  CondVar wake;
  std::deque<Job> queue ABSL_GUARDED_BY(mu);
  bool ending ABSL_GUARDED_BY(mu) = false;
  CondVar sweep;
  bool sweeper_rests ABSL_GUARDED_BY(mu) = false;
  std::vector<std::thread> threads;  // touched by the pool's owner only
};

WorkerPool::WorkerPool(Options options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {
  for (int i = 0; i < impl_->options.threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->Work(); });
  }
  impl_->threads.emplace_back([impl = impl_.get()] { impl->Sweep(); });
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(impl_->mu);
    impl_->ending = true;
  }
  impl_->wake.NotifyAll();
  impl_->sweep.NotifyAll();
  for (std::thread& thread : impl_->threads) thread.join();
}

void WorkerPool::Submit(Job job) {
  if (impl_->Enqueue(job)) {
    impl_->wake.NotifyOne();
  } else {
    job.run(Overloaded());
  }
}

}  // namespace tessera::server
