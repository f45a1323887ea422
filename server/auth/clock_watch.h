// Keeps an eye on how far this machine's clock is from the database's: times in tokens and rows
// mean the same on all replicas only while their clocks agree.
#ifndef TESSERA_SERVER_AUTH_CLOCK_WATCH_H_
#define TESSERA_SERVER_AUTH_CLOCK_WATCH_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// How far `clock` is ahead of the database's (negative: behind). The answer's way takes time,
// during which the database was asked at an unknown moment: only what lies outside of it counts, so
// a slow answer never looks like a difference. Zero where the database has no clock of its own.
// Blocks on the store for at most `patience`; fails as Store::DatabaseTime.
absl::StatusOr<absl::Duration> ClockDifference(storage::Store& store, const Clock& clock,
                                               absl::Duration patience);

// `+7.2s`, for the log.
std::string SignedSeconds(absl::Duration difference);

// Thread-safe. A thread of its own compares every `interval`. A database that is away changes
// nothing. Events: `clock.differs` with the difference, `clock.agrees`; once each time.
class ClockWatch {
 public:
  struct Options {
    absl::Duration limit = absl::Seconds(5);  // more than this differs
    absl::Duration interval = absl::Seconds(5);
  };
  // The references must outlive the watch. Each comparison that comes to a result calls
  // `on_result(agrees)`, on the comparing thread, outside locks; quick.
  struct Parts {
    storage::Store& store;
    const Clock& clock;
    LogSink& log;
    std::function<void(bool agrees)> on_result;
  };
  // Compares once before it returns; whether that succeeded is left to the next turn.
  ClockWatch(Options options, Parts parts);
  ~ClockWatch();
  ClockWatch(const ClockWatch&) = delete;
  ClockWatch& operator=(const ClockWatch&) = delete;

  // What the last comparison found; true before the first. Memory only.
  bool agrees() const;

  // Compares now. Blocks on the store.
  absl::Status Compare();

 private:
  void Run();
  void Report(absl::Duration difference, bool agrees) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const Parts parts_;
  mutable Mutex mu_;
  CondVar stop_changed_;
  bool agreed_ ABSL_GUARDED_BY(mu_) = true;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_CLOCK_WATCH_H_
