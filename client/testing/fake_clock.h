// FOR TESTS: a clock that stands still until a test moves it.
#ifndef TESSERA_TESTING_FAKE_CLOCK_H_
#define TESSERA_TESTING_FAKE_CLOCK_H_

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'800'000'000)) : now_(start) {}

  absl::Time Now() const override {
    MutexLock lock(mu_);
    return now_;
  }
  absl::Duration Monotonic() const override {
    MutexLock lock(mu_);
    return monotonic_;
  }
  // Both clocks go on.
  void Advance(absl::Duration step) {
    MutexLock lock(mu_);
    now_ += step;
    monotonic_ += step;
  }
  // The wall clock jumps; the monotonic one does not.
  void SetWall(absl::Time now) {
    MutexLock lock(mu_);
    now_ = now;
  }

 private:
  mutable Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
  absl::Duration monotonic_ ABSL_GUARDED_BY(mu_) = absl::Hours(1);
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTING_FAKE_CLOCK_H_
