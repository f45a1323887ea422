// How long to leave the auth server alone after failures in a row.
#ifndef TESSERA_CALLER_BACKOFF_H_
#define TESSERA_CALLER_BACKOFF_H_

#include <algorithm>
#include <optional>

#include "absl/time/time.h"
#include "tessera/base/random.h"

namespace tessera {

// Doubles from 100 ms to 5 s, less up to a fifth by chance. Not thread-safe.
class Backoff {
 public:
  static constexpr absl::Duration kFirst = absl::Milliseconds(100);
  static constexpr absl::Duration kLongest = absl::Seconds(5);
  // What the server asks for is followed up to here.
  static constexpr absl::Duration kLongestAsked = absl::Minutes(1);

  // The pause before the next try; at least `asked`, if the server said so.
  absl::Duration Next(std::optional<absl::Duration> asked) {
    const absl::Duration pause = next_ * (1.0 - static_cast<double>(RandomBelow(201)) / 1000.0);
    next_ = std::min(next_ * 2, kLongest);
    return std::max(pause, std::min(asked.value_or(absl::ZeroDuration()), kLongestAsked));
  }
  void Reset() { next_ = kFirst; }

 private:
  absl::Duration next_ = kFirst;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_BACKOFF_H_
