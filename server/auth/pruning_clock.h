// The time by which what has expired is forgotten: never ahead of what surely has passed.
#ifndef TESSERA_SERVER_AUTH_PRUNING_CLOCK_H_
#define TESSERA_SERVER_AUTH_PRUNING_CLOCK_H_

#include <optional>

#include "absl/time/time.h"
#include "server/auth/revocations.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// The wall clock as far as the monotonic clock has gone since the start: a jump forward ages
// nothing. Nor does a start with a wall clock that is ahead: what the store remembers of the
// pruning before goes on from there, by the monotonic clock, until what was there at the start has
// expired for certain (kTrustedAfter). So after a stop of an hour everything is kept for an hour
// longer, for a day at most. Thread-safe.
class PruningClock {
 public:
  // No entry of the feed lives longer, by whichever clock it was dated: kMaxAccessTtl,
  // kRevocationSlack and kWriterBehind together.
  static constexpr absl::Duration kTrustedAfter = absl::Minutes(24 * 60 + 2 + 10);

  explicit PruningClock(const Clock& clock)
      : clock_(clock), wall_(clock.Now()), monotonic_(clock.Monotonic()) {}

  // What the store remembers (RevocationRepository::PruningTime), read now: before the first call
  // of Now that something is forgotten by. The first call counts; where nothing is remembered,
  // nothing was pruned yet, and the wall clock at the start is trusted.
  void GoOnFrom(std::optional<absl::Time> remembered) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Time Now() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Remembered {
    absl::Time pruned;
    absl::Duration read_at;  // monotonic
  };

  const Clock& clock_;
  const absl::Time wall_;
  const absl::Duration monotonic_;
  mutable Mutex mu_;
  std::optional<Remembered> remembered_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_PRUNING_CLOCK_H_
