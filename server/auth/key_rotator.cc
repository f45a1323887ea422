#include "server/auth/key_rotator.h"

#include <algorithm>
#include <utility>

#include "server/auth/shared_key_file.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;

constexpr absl::Duration kLeaveTimeout = absl::Seconds(1);

bool IsAnyPending(const StoredKeySet& set) {
  return std::any_of(set.keys.begin(), set.keys.end(),
                     [](const StoredKey& key) { return key.state == KeyState::kPending; });
}

bool IsOf(const StoredKey* key, Algorithm algorithm) {
  return key != nullptr && key->algorithm == AlgorithmName(algorithm);
}

}  // namespace

KeyRotator::KeyRotator(Options options, Parts parts)
    : options_(std::move(options)), parts_(parts) {}

KeyRotator::~KeyRotator() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  if (!thread_.joinable()) return;
  thread_.join();
  parts_.store
      .Write(storage::Repeat::kIdempotent, parts_.clock.Now() + kLeaveTimeout,
             [&](storage::Repositories& in) { return in.replicas.Leave(options_.replica_id); })
      .IgnoreError();  // the others stop waiting for it soon
}

// Behind the report, the keys are read once more: whatever became active without waiting for this
// replica is loaded then.
absl::Status KeyRotator::Start() {
  TESSERA_RETURN_IF_ERROR(Turn());
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(parts_.clock.Now() + kKeyStoreTimeout));
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void KeyRotator::Run() {
  while (Rest()) Note(Turn());
}

// False when it is time to go, at once.
bool KeyRotator::Rest() {
  MutexLock lock(mu_);
  bool in_time = true;
  while (!stop_ && in_time) in_time = wake_.WaitFor(mu_, options_.tick);
  return !stop_;
}

// One event when turns begin to fail and one when they succeed again.
void KeyRotator::Note(const absl::Status& status) {
  if (status.ok() && failing_) parts_.log.Info("keys.rotator_recovered");
  if (!status.ok() && !failing_) {
    parts_.log.Error("keys.rotator_failed",
                     {{"reason", ReasonOf(status)},
                      {"cause", absl::IsFailedPrecondition(status) ? std::string(status.message())
                                                                   : std::string()}});
  }
  failing_ = !status.ok();
}

// Whoever has not got the shared keys yet must not be waited for in vain: so the file comes before
// the report.
absl::Status KeyRotator::Turn() {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  TESSERA_RETURN_IF_ERROR(WriteSharedKeys(*keys));
  TESSERA_RETURN_IF_ERROR(Report(*keys));
  return Advance(*keys);
}

absl::Status KeyRotator::WriteSharedKeys(const KeySnapshot& keys) {
  const std::string& path = options_.shared_key_file;
  if (path.empty() || keys.shared_jwks.empty()) return absl::OkStatus();
  MutexLock lock(file_mu_);
  // Looked at each time: somebody may have deleted or changed it.
  if (IsSharedKeyFile(path, keys.shared_jwks)) return absl::OkStatus();
  return WriteSharedKeyFile(path, keys.shared_jwks);
}

bool KeyRotator::IsReportDue(const Told& now, bool waited_for) const {
  MutexLock lock(mu_);
  if (now.at - told_.at >= kReportEvery) return true;
  const bool news = now.version != told_.version || now.guards_version != told_.guards_version;
  return news && waited_for;
}

absl::Status KeyRotator::Report(const KeySnapshot& keys) {
  Told now;
  now.version = keys.loaded_version;
  now.guards_version = std::min(options_.guards_key_set().value_or(now.version), now.version);
  now.at = parts_.clock.Monotonic();
  if (!IsReportDue(now, IsAnyPending(*keys.rows))) return absl::OkStatus();
  const absl::Time at = parts_.clock.Now();
  const auto work = [&](storage::Repositories& in) {
    return in.replicas.Report({options_.replica_id, at, now.version, now.guards_version});
  };
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Write(storage::Repeat::kIdempotent, at + kKeyStoreTimeout, work));
  MutexLock lock(mu_);
  told_ = now;
  return absl::OkStatus();
}

bool KeyRotator::DoesAlgorithmCount(const KeySnapshot& keys) {
  const Algorithm wanted = parts_.changes.policy().algorithm;
  const bool there = IsOf(FindActive(*keys.rows, KeyUse::kSign), wanted) ||
                     IsOf(FindPending(*keys.rows, KeyUse::kSign), wanted);
  MutexLock lock(mu_);
  algorithm_settled_ = algorithm_settled_ || there;
  return !algorithm_settled_;
}

// What was done is loaded before it returns: a turn that follows sees it.
absl::Status KeyRotator::Advance(const KeySnapshot& keys) {
  const bool algorithm_counts = DoesAlgorithmCount(keys);
  if (!parts_.changes.IsWork(*keys.rows, algorithm_counts)) return absl::OkStatus();
  const absl::Time deadline = parts_.clock.Now() + kKeyStoreTimeout;
  const absl::StatusOr<bool> done = parts_.changes.Advance(algorithm_counts, deadline);
  if (absl::IsAborted(done.status())) return absl::OkStatus();
  TESSERA_RETURN_IF_ERROR(done.status());
  if (*done) parts_.feed.CatchUp(deadline).IgnoreError();  // the feed brings it
  return absl::OkStatus();
}

}  // namespace tessera::server
