#include "server/rpc/revocation_hub.h"

#include <algorithm>
#include <utility>

#include "server/rpc/call.h"
#include "server/rpc/revocation_watcher.h"
#include "server/rpc/status_to_wire.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// How often the thread looks whose heartbeat is due: the interval is met to this.
constexpr absl::Duration kTick = absl::Milliseconds(250);
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status TooManyWatchers() {
  return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                          "too many guards are watching", kRetryDelay);
}

absl::Status ShuttingDown() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kShuttingDown,
                          "the server is going away", kRetryDelay);
}

// Answers a watch that was not admitted.
class RefusedWatch final : public RevocationHub::Reactor {
 public:
  explicit RefusedWatch(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

RevocationHub::RevocationHub(RevocationFeed& feed, const KeyRing& keys, LogSink& log,
                             WatchLimits limits)
    : feed_(feed), keys_(keys), log_(log), limits_(limits) {
  subscription_ = feed_.Subscribe([this] {
    {
      MutexLock lock(mu_);
      changed_ = true;
    }
    wake_.NotifyAll();
  });
  thread_ = std::thread([this] { Work(); });
}

RevocationHub::~RevocationHub() {
  subscription_.reset();
  {
    MutexLock lock(mu_);
    ending_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

RevocationHub::Reactor* RevocationHub::Watch(grpc::CallbackServerContext& context,
                                             const std::string& subject) {
  auto watcher = std::make_shared<RevocationWatcher>(*this, context, subject);
  const absl::Status admitted = Admit(watcher);
  if (!admitted.ok()) return new RefusedWatch(ToWire(admitted, log_));
  watcher->Begin(watcher);
  return watcher.get();
}

absl::Status RevocationHub::Admit(const std::shared_ptr<RevocationWatcher>& watcher) {
  {
    MutexLock lock(mu_);
    if (shut_down_) return ShuttingDown();
    if (!HasRoomFor(watcher->subject())) return TooManyWatchers();
    watchers_.push_back(watcher);
  }
  wake_.NotifyAll();
  return absl::OkStatus();
}

bool RevocationHub::HasRoomFor(const std::string& subject) const {
  if (watchers_.size() >= limits_.watchers) return false;
  const auto of_one = std::count_if(watchers_.begin(), watchers_.end(), [&](const auto& watcher) {
    return watcher->subject() == subject;
  });
  return static_cast<size_t>(of_one) < limits_.watchers_of_one;
}

void RevocationHub::Remove(const RevocationWatcher* watcher) {
  std::shared_ptr<RevocationWatcher> removed;  // dies outside the lock
  MutexLock lock(mu_);
  const auto place =
      std::find_if(watchers_.begin(), watchers_.end(),
                   [watcher](const auto& candidate) { return candidate.get() == watcher; });
  if (place == watchers_.end()) return;
  removed = std::move(*place);
  *place = std::move(watchers_.back());
  watchers_.pop_back();
}

void RevocationHub::Shutdown() {
  {
    MutexLock lock(mu_);
    shut_down_ = true;
  }
  const grpc::Status status = ToWire(ShuttingDown(), log_);
  for (const auto& watcher : Watchers()) watcher->End(status);
}

std::vector<std::shared_ptr<RevocationWatcher>> RevocationHub::Watchers() const {
  MutexLock lock(mu_);
  return watchers_;
}

std::optional<int64_t> RevocationHub::LowestAcknowledgedKeySet() const {
  std::optional<int64_t> lowest;
  for (const auto& watcher : Watchers()) {
    const int64_t version = watcher->acknowledged_key_set();
    lowest = lowest.has_value() ? std::min(*lowest, version) : version;
  }
  return lowest;
}

// False when the hub ends.
bool RevocationHub::AwaitRound() {
  MutexLock lock(mu_);
  while (!ending_ && !changed_ && watchers_.empty()) wake_.Wait(mu_);
  if (!ending_ && !changed_) wake_.WaitFor(mu_, kTick);
  changed_ = false;
  return !ending_;
}

void RevocationHub::Work() {
  while (AwaitRound()) {
    for (const auto& watcher : Watchers()) watcher->Wake();
  }
}

}  // namespace tessera::server
