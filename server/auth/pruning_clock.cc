#include "server/auth/pruning_clock.h"

#include <algorithm>

namespace tessera::server {

void PruningClock::GoOnFrom(std::optional<absl::Time> remembered) {
  const absl::Duration read_at = clock_.Monotonic();
  MutexLock lock(mu_);
  if (!remembered_.has_value()) {
    remembered_ = {remembered.value_or(absl::InfiniteFuture()), read_at};
  }
}

absl::Time PruningClock::Now() const {
  const absl::Duration monotonic = clock_.Monotonic();
  const absl::Time own = std::min(clock_.Now(), wall_ + (monotonic - monotonic_));
  MutexLock lock(mu_);
  if (!remembered_.has_value() || monotonic - monotonic_ >= kTrustedAfter) return own;
  return std::min(own, remembered_->pruned + (monotonic - remembered_->read_at));
}

}  // namespace tessera::server
