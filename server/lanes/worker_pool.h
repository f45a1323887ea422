// A bounded pool of threads for one kind of work: database, urgent database work, password hashing.
#ifndef TESSERA_SERVER_LANES_WORKER_POOL_H_
#define TESSERA_SERVER_LANES_WORKER_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"

namespace tessera::server {

// Thread-safe. The destructor runs what is queued, then ends the threads; work submitted from then
// on (by a job that is still running, say) is refused like work beyond a full queue.
class WorkerPool {
 public:
  struct Options {
    std::string name;  // of the threads, for people
    int threads = 1;
    size_t max_queued = 256;  // beyond it: OVERLOADED
    int nice = 0;
    std::function<void()> on_start = {};  // run by each thread before its first work
    // What work is told whose deadline passes before its turn.
    absl::Status too_late =
        absl::DeadlineExceededError("the call's time was over before its turn came");
  };
  // While every thread is busy, work whose time is over learns of it this late at most.
  static constexpr absl::Duration kSweepEvery = absl::Milliseconds(20);
  WorkerPool(Options options, const Clock& clock);
  ~WorkerPool();

  struct Job {
    absl::Time deadline = absl::InfiniteFuture();
    std::function<bool()> abandoned;  // the caller has gone; empty: never
    std::function<void(absl::Status)>
        run;  // called exactly once: with OK on a pool's thread, or with why it was not run
  };
  // Never blocks. A full queue calls `run` at once, here, with RESOURCE_EXHAUSTED OVERLOADED (retry
  // after 1 s). Work whose deadline passes before its turn (`too_late`), or that is abandoned when
  // its turn comes (CANCELLED), is told so and not started; the former also while all threads are
  // held up, by a store that does not answer, say.
  void Submit(Job job);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_LANES_WORKER_POOL_H_
