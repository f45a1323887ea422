#include "server/auth/store_cleaner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/auth/clock_watch.h"
#include "server/auth/revocations.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(60);
// Between two full batches: others get their turn at the store's writer.
constexpr absl::Duration kPause = absl::Milliseconds(50);
constexpr absl::Duration kStoreTimeout = absl::Seconds(5);

}  // namespace

absl::Time PruningClock::Now() const {
  return std::min(clock_.Now(), wall_ + (clock_.Monotonic() - monotonic_));
}

StoreCleaner::StoreCleaner(storage::Store& store, const Clock& clock, LogSink& log)
    : store_(store), clock_(clock), log_(log), pruning_(clock), thread_([this] { Run(); }) {}

StoreCleaner::~StoreCleaner() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  stop_changed_.NotifyAll();
  thread_.join();
}

absl::StatusOr<StoreCleaner::Removed> StoreCleaner::CleanOnce() {
  const absl::Time revocations_before = pruning_.Now() - kRevocationSlack;
  const absl::Time sessions_before = revocations_before - kMaxAccessTtl;
  Removed removed;
  TESSERA_RETURN_IF_ERROR(store_.Write(
      storage::Repeat::kIdempotent, clock_.Now() + kStoreTimeout, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(removed.sessions,
                                 in.sessions.DeleteEnded(sessions_before, kBatch));
        TESSERA_ASSIGN_OR_RETURN(removed.revocations,
                                 in.revocations.DeleteExpired(revocations_before, kBatch));
        return absl::OkStatus();
      }));
  return removed;
}

absl::StatusOr<StoreCleaner::Removed> StoreCleaner::CleanAll() {
  Removed all;
  TESSERA_ASSIGN_OR_RETURN(bool more, ClockIsRight());
  while (more) {
    TESSERA_ASSIGN_OR_RETURN(const Removed batch, CleanOnce());
    all.revocations += batch.revocations;
    all.sessions += batch.sessions;
    const bool full = batch.revocations >= kBatch || batch.sessions >= kBatch;
    more = full && Rest(kPause);
  }
  return all;
}

absl::StatusOr<bool> StoreCleaner::ClockIsRight() {
  TESSERA_ASSIGN_OR_RETURN(const absl::Duration difference,
                           ClockDifference(store_, clock_, kStoreTimeout));
  const bool right = absl::AbsDuration(difference) <= kMaxClockDifference;
  {
    MutexLock lock(mu_);
    if (skipping_ == !right) return right;
    skipping_ = !right;
  }
  if (right) {
    log_.Info("store.clean_resumed");
  } else {
    log_.Error("store.clean_skipped", {{"clock_difference", SignedSeconds(difference)}});
  }
  return right;
}

void StoreCleaner::Run() {
  while (Rest(kInterval)) {
    const absl::StatusOr<Removed> removed = CleanAll();
    if (!removed.ok()) {
      log_.Warning("store.clean_failed", {{"reason", ReasonOf(removed.status())}});
    } else if (removed->revocations + removed->sessions > 0) {
      log_.Info("store.cleaned", {{"revocations", absl::StrCat(removed->revocations)},
                                  {"sessions", absl::StrCat(removed->sessions)}});
    }
  }
}

// False when it is time to go, at once.
bool StoreCleaner::Rest(absl::Duration limit) {
  MutexLock lock(mu_);
  bool in_time = true;
  while (!stop_ && in_time) in_time = stop_changed_.WaitFor(mu_, limit);
  return !stop_;
}

}  // namespace tessera::server
