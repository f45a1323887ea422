// Removes rows that nobody can need any more, so that no table grows with traffic.
#ifndef TESSERA_SERVER_AUTH_STORE_CLEANER_H_
#define TESSERA_SERVER_AUTH_STORE_CLEANER_H_

#include <cstdint>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// The wall clock as far as the monotonic clock has gone since the start: a jump forward ages
// nothing. Thread-safe, immutable.
class PruningClock {
 public:
  explicit PruningClock(const Clock& clock)
      : clock_(clock), wall_(clock.Now()), monotonic_(clock.Monotonic()) {}
  absl::Time Now() const;

 private:
  const Clock& clock_;
  const absl::Time wall_;
  const absl::Duration monotonic_;
};

// Thread-safe. A thread of its own, so that waiting for the store's writer delays no reader.
class StoreCleaner {
 public:
  // No statement removes more.
  static constexpr int kBatch = 1000;
  // A clock that differs from the database's by more might remove what others still need.
  static constexpr absl::Duration kMaxClockDifference = absl::Seconds(30);

  // All references must outlive the cleaner.
  StoreCleaner(storage::Store& store, const Clock& clock, LogSink& log);
  ~StoreCleaner();
  StoreCleaner(const StoreCleaner&) = delete;
  StoreCleaner& operator=(const StoreCleaner&) = delete;

  struct Removed {
    int64_t revocations = 0;
    int64_t sessions = 0;
  };
  // One batch of each. Revocations go when they have been expired for kRevocationSlack; sessions
  // when they have been over for so long that no access token of theirs can be alive. Blocks on the
  // store.
  absl::StatusOr<Removed> CleanOnce();
  // Batches, with a short pause behind each, until one of them was not full or the cleaner goes:
  // what comes in faster than a batch an interval is removed as well. Nothing while the clock
  // differs from the database's by more than kMaxClockDifference (event `store.clean_skipped`, once
  // each time). Blocks on the store.
  absl::StatusOr<Removed> CleanAll();

 private:
  void Run();
  bool Rest(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<bool> ClockIsRight() ABSL_LOCKS_EXCLUDED(mu_);

  storage::Store& store_;
  const Clock& clock_;
  LogSink& log_;
  const PruningClock pruning_;
  Mutex mu_;
  CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool skipping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORE_CLEANER_H_
