#include "server/auth/refreshed_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// The clock may move by itself (a test's does), so the thread looks this often at it.
constexpr absl::Duration kLookAtClock = absl::Seconds(1);

absl::Status Failure() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the issuer's keys could not be loaded", absl::Seconds(1));
}

}  // namespace

RefreshedKeys::RefreshedKeys(Options options, Loader loader, const Clock& clock, LogSink& log)
    : options_(options), loader_(std::move(loader)), clock_(clock), log_(log), thread_([this] {
        Run();
      }) {}

RefreshedKeys::~RefreshedKeys() {
  {
    MutexLock lock(mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

std::shared_ptr<const JwkSet> RefreshedKeys::Current() const {
  MutexLock lock(mu_);
  return clock_.Monotonic() - loaded_at_ > options_.max_age ? none_ : keys_;
}

bool RefreshedKeys::stopped() const {
  MutexLock lock(mu_);
  return stop_;
}

void RefreshedKeys::Fetch(std::function<void(absl::Status)> done) {
  std::optional<absl::Status> known;
  {
    MutexLock lock(mu_);
    if (stop_) {
      known = Failure();
    } else if (!loading_ && clock_.Monotonic() < next_on_demand_) {
      known = last_;
    } else {
      waiting_.push_back(std::move(done));
      if (!loading_) Begin();
      changed_.NotifyAll();
    }
  }
  if (known.has_value()) done(*std::move(known));
}

void RefreshedKeys::Begin() {
  const absl::Duration now = clock_.Monotonic();
  loading_ = true;
  next_on_demand_ = now + options_.min_interval;
  next_by_itself_ = now + options_.refresh_every;
}

void RefreshedKeys::Run() {
  while (WaitUntilWanted()) Finish(Load());
  std::vector<Done> waiting;
  {
    MutexLock lock(mu_);
    waiting.swap(waiting_);
  }
  for (const Done& done : waiting) done(Failure());
}

bool RefreshedKeys::WaitUntilWanted() {
  MutexLock lock(mu_);
  while (!stop_ && !loading_) {
    if (clock_.Monotonic() >= next_by_itself_) {
      Begin();
    } else {
      changed_.WaitFor(mu_, std::min(kLookAtClock, options_.refresh_every));
    }
  }
  return !stop_;
}

absl::StatusOr<JwkSet> RefreshedKeys::Load() const {
  TESSERA_ASSIGN_OR_RETURN(const std::string json, loader_([this] { return stopped(); }));
  TESSERA_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(json));
  if (keys.empty()) return absl::UnavailableError("the key set holds no key of ours");
  return keys;
}

void RefreshedKeys::Finish(absl::StatusOr<JwkSet> loaded) {
  const absl::Status cause = loaded.status();
  const size_t count = loaded.ok() ? loaded->keys().size() : 0;
  std::vector<Done> waiting;
  absl::Status result;
  bool changed = false;
  {
    MutexLock lock(mu_);
    if (loaded.ok()) changed = Take(*std::move(loaded));
    // A failure is not waited out: the issuer may be back any moment.
    if (!cause.ok()) next_by_itself_ = std::min(next_by_itself_, next_on_demand_);
    last_ = result = cause.ok() ? absl::OkStatus() : Failure();
    loading_ = false;  // who asks from now on did not share this load
    waiting.swap(waiting_);
  }
  if (changed) log_.Info("issuer_keys.loaded", {{"keys", absl::StrCat(count)}});
  if (!cause.ok() && !stopped()) {
    log_.Warning("issuer_keys.load_failed", {{"cause", std::string(cause.message())}});
  }
  for (const Done& done : waiting) done(result);
}

bool RefreshedKeys::Take(JwkSet keys) {
  loaded_at_ = clock_.Monotonic();
  if (keys.ToJson() == keys_->ToJson()) return false;
  keys_ = std::make_shared<const JwkSet>(std::move(keys));
  return true;
}

}  // namespace tessera::server
