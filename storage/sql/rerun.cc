#include "storage/sql/rerun.h"

#include <algorithm>

#include "storage/sql/transaction.h"
#include "tessera/base/mutex.h"
#include "tessera/base/random.h"

namespace tessera::storage::sql {
namespace {

void Pause(absl::Duration longest) {
  const auto micros = static_cast<uint64_t>(absl::ToInt64Microseconds(longest));
  Mutex mutex;
  CondVar nobody;
  MutexLock lock(mutex);
  nobody.WaitFor(mutex, absl::Microseconds(micros / 2 + RandomBelow(micros / 2 + 1)));
}

}  // namespace

absl::Status Rerun(const Clock& clock, absl::Time deadline, absl::FunctionRef<Attempt()> attempt) {
  if (clock.Now() >= deadline) return Unavailable();
  absl::Duration rest = kFirstRest;
  for (int run = 1;; ++run) {
    Attempt made = attempt();
    if (made.status.ok() || !made.again) return made.status;
    if (run == kMaxRuns || clock.Now() + rest >= deadline) return made.status;
    Pause(rest);
    rest = std::min(2 * rest, kLongestRest);
  }
}

}  // namespace tessera::storage::sql
