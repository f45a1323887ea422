// Where the time comes from. Everything that asks for the time holds a Clock; tests hand in a fake
// one.
#ifndef TESSERA_BASE_CLOCK_H_
#define TESSERA_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace tessera {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // The wall clock: for what leaves the process (`exp`, rows). It may jump.
  virtual absl::Time Now() const = 0;

  // Time since an arbitrary start; never goes back: for ages and time-outs.
  virtual absl::Duration Monotonic() const = 0;
};

// The machine's clocks. Lives as long as the process.
const Clock& SystemClock();

}  // namespace tessera

#endif  // TESSERA_BASE_CLOCK_H_
