#include "server/rpc/key_ring_source.h"

#include <utility>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status Unavailable() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the keys cannot be read now", kRetryDelay);
}

}  // namespace

void KeyRingSource::Fetch(std::function<void(absl::Status)> done) {
  absl::Status last;
  switch (Join(done, last)) {
    case Turn::kWait:
      return;
    case Turn::kRepeat:
      return done(std::move(last));
    case Turn::kStart:
      break;
  }
  WorkerPool::Job job;
  job.run = [this](const absl::Status& turn) { Finish(turn.ok() ? keys_.Refresh() : turn); };
  lane_.Submit(std::move(job));
}

KeyRingSource::Turn KeyRingSource::Join(std::function<void(absl::Status)>& done,
                                        absl::Status& last) {
  MutexLock lock(mu_);
  const bool running = !waiting_.empty();
  if (!running && clock_.Monotonic() - last_end_ < kMinRefreshInterval) {
    last = last_;
    return Turn::kRepeat;
  }
  if (waiting_.size() >= kMaxWaitingForKeys) {
    last = Unavailable();
    return Turn::kRepeat;
  }
  waiting_.push_back(std::move(done));
  return running ? Turn::kWait : Turn::kStart;
}

void KeyRingSource::Finish(const absl::Status& status) {
  const absl::Status told = status.ok() ? status : Unavailable();
  std::vector<std::function<void(absl::Status)>> waiting;
  {
    MutexLock lock(mu_);
    waiting.swap(waiting_);
    last_ = told;
    last_end_ = clock_.Monotonic();
  }
  for (const auto& done : waiting) done(told);
}

}  // namespace tessera::server
