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
  switch (Join(done)) {
    case Turn::kWait:
      return;
    case Turn::kFresh:
      return done(absl::OkStatus());
    case Turn::kStart:
      break;
  }
  WorkerPool::Job job;
  job.run = [this](const absl::Status& turn) { Finish(turn.ok() ? keys_.Refresh() : turn); };
  lane_.Submit(std::move(job));
}

KeyRingSource::Turn KeyRingSource::Join(std::function<void(absl::Status)>& done) {
  MutexLock lock(mu_);
  const bool running = !waiting_.empty();
  if (!running && clock_.Monotonic() - last_ < kMinRefreshInterval) return Turn::kFresh;
  waiting_.push_back(std::move(done));
  return running ? Turn::kWait : Turn::kStart;
}

void KeyRingSource::Finish(const absl::Status& status) {
  std::vector<std::function<void(absl::Status)>> waiting;
  {
    MutexLock lock(mu_);
    waiting.swap(waiting_);
    if (status.ok()) last_ = clock_.Monotonic();
  }
  for (const auto& done : waiting) done(status.ok() ? status : Unavailable());
}

}  // namespace tessera::server
