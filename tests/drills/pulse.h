// The longest time that passed without a success.
#ifndef TESSERA_TESTS_DRILLS_PULSE_H_
#define TESSERA_TESTS_DRILLS_PULSE_H_

#include <algorithm>

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe.
class Pulse {
 public:
  // Something succeeded.
  void Beat() {
    MutexLock lock(mu_);
    longest_ = std::max(longest_, SinceLastBeat());
    last_ = SystemClock().Monotonic();
    ++beats_;
  }
  // Since the last call of this, the time without a success that is still under way included.
  absl::Duration TakeLongest() {
    MutexLock lock(mu_);
    const absl::Duration longest = std::max(longest_, SinceLastBeat());
    longest_ = absl::ZeroDuration();
    return longest;
  }
  int beats() const {
    MutexLock lock(mu_);
    return beats_;
  }

 private:
  absl::Duration SinceLastBeat() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return SystemClock().Monotonic() - last_;
  }

  mutable Mutex mu_;
  absl::Duration last_ ABSL_GUARDED_BY(mu_) = SystemClock().Monotonic();
  absl::Duration longest_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
  int beats_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_PULSE_H_
