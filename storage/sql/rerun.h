// Runs a work again that the database undid or lost.
#ifndef TESSERA_STORAGE_SQL_RERUN_H_
#define TESSERA_STORAGE_SQL_RERUN_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"

namespace tessera::storage::sql {

// More runs than this are not made of one work.
inline constexpr int kMaxRuns = 20;
// The longest rest before the second run; it doubles with each one, up to the last figure. Half of
// it is chance, so that those who collided do not collide again.
inline constexpr absl::Duration kFirstRest = absl::Milliseconds(1);
inline constexpr absl::Duration kLongestRest = absl::Milliseconds(100);

struct Attempt {
  absl::Status status;
  bool again = false;  // it may succeed if it is run again
};

// The status of the last attempt: the first one that succeeds or may not be repeated, or the one
// after which no run is left or `deadline` would pass. Blocks.
absl::Status Rerun(const Clock& clock, absl::Time deadline, absl::FunctionRef<Attempt()> attempt);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_RERUN_H_
