#include "tessera/guard/fetched_keys.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/key_file.h"

namespace tessera::guard {
namespace {

using Done = std::function<void(absl::Status)>;

// A refresh that failed is tried again after this part of max_age.
constexpr int kRefreshTries = 100;
// The clock may move by itself (a test's does), so the thread looks this often at it.
constexpr absl::Duration kLookAtClock = absl::Seconds(1);
// Keys from the cache file are to be confirmed by the server: asked at once, then this often.
constexpr absl::Duration kConfirmEvery = absl::Seconds(5);
constexpr absl::Duration kSaveEvery = absl::Hours(1);
// A cache file that is further ahead of the clock is of no known age.
constexpr absl::Duration kMaxAhead = absl::Minutes(1);

constexpr char kOlder[] = "the set is older than the one that is held";

absl::Status Failure() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the keys could not be fetched", absl::Seconds(1));
}

// What the source shares with its thread.
class State {
 public:
  State(std::unique_ptr<KeyFetcher> fetcher, FetchedKeysOptions options, const Clock& clock,
        LogSink& log)
      : fetcher_(std::move(fetcher)),
        options_(std::move(options)),
        clock_(clock),
        log_(log),
        none_(std::make_shared<const JwkSet>()),
        keys_(none_),
        refresh_after_(options_.max_age / 2) {
    if (!options_.cache_file.empty()) LoadCache();
  }

  std::shared_ptr<const JwkSet> Current() const {
    MutexLock lock(mu_);
    return IsTooOld() ? none_ : keys_;
  }

  void Fetch(Done done) {
    std::optional<absl::Status> known;
    {
      MutexLock lock(mu_);
      const absl::Duration now = clock_.Monotonic();
      if (closed_) known = Failure();
      if (!closed_ && !fetching_ && now < next_fetch_) known = last_;
      if (!known.has_value()) {
        waiting_.push_back(std::move(done));
        if (!fetching_) Begin();
        changed_.NotifyAll();
        return;
      }
    }
    done(*known);
  }

  absl::Duration SinceFetch() const {
    MutexLock lock(mu_);
    return clock_.Monotonic() - answered_at_;
  }

  bool Offer(std::shared_ptr<const JwkSet> keys, const KeySetVersion& version) {
    if (keys == nullptr || keys->empty() || HasSharedKey(*keys)) return false;
    {
      MutexLock lock(mu_);
      if (!HoldsNewerThan(version)) {
        Take(std::move(keys), version);
        offered_meanwhile_ = true;
        if (save_wanted_) changed_.NotifyAll();
        return true;
      }
    }
    log_.Warning("keys.offer_refused", {{"cause", kOlder}});
    return false;
  }

  // The thread's loop, until Close.
  void Run() {
    while (WaitUntilWanted()) {
      SaveIfWanted();
      if (IsFetching()) Finish(FetchOnce());
    }
    SaveIfWanted();
    std::vector<Done> waiting;
    {
      MutexLock lock(mu_);
      waiting.swap(waiting_);
    }
    for (const Done& done : waiting) done(Failure());
  }

  void Close() {
    {
      MutexLock lock(mu_);
      closed_ = true;
      changed_.NotifyAll();
    }
    fetcher_->Cancel();
  }

 private:
  bool IsTooOld() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return clock_.Monotonic() - confirmed_at_ > options_.max_age;
  }

  // What is too old is not held against anything.
  bool HoldsNewerThan(const KeySetVersion& version) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !IsTooOld() && IsOlder(version, version_);
  }

  // Long before the keys are too old, so that only failures, one after the other, make them so.
  bool IsRefreshDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const absl::Duration now = clock_.Monotonic();
    const bool old = unconfirmed_ || now - confirmed_at_ >= refresh_after_;
    return !keys_->empty() && old && now >= next_refresh_;
  }

  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const absl::Duration now = clock_.Monotonic();
    fetching_ = true;
    begun_at_ = now;
    offered_meanwhile_ = false;
    next_fetch_ = now + options_.min_interval;
    const absl::Duration retry = std::min(options_.max_age / kRefreshTries, refresh_after_);
    const absl::Duration pause = unconfirmed_ ? kConfirmEvery : retry;
    next_refresh_ = now + std::max(options_.min_interval, pause);
  }

  bool WaitUntilWanted() {
    MutexLock lock(mu_);
    while (!closed_ && !fetching_ && !save_wanted_) {
      if (IsRefreshDue()) {
        Begin();
      } else {
        changed_.WaitFor(mu_, kLookAtClock);
      }
    }
    return !closed_;
  }

  // Before the thread is there.
  void LoadCache() {
    auto cached = ReadKeyCache(options_.cache_file);
    absl::Status usable = cached.status();
    const absl::Duration age = cached.ok() ? clock_.Now() - cached->fetched_at : absl::Duration();
    if (age > options_.max_age) usable = absl::UnavailableError("the keys are too old");
    if (age < -kMaxAhead) usable = absl::UnavailableError("the keys are from the future");
    if (!usable.ok()) {
      return log_.Warning("keys.cache_refused", {{"path", options_.cache_file},
                                                 {"cause", std::string(usable.message())}});
    }
    MutexLock lock(mu_);
    keys_ = std::make_shared<const JwkSet>(std::move(cached->keys));
    confirmed_at_ = clock_.Monotonic() - std::max(age, absl::ZeroDuration());
    unconfirmed_ = true;
  }

  // The thread's.
  void SaveIfWanted() {
    std::shared_ptr<const JwkSet> keys;
    absl::Time fetched_at;
    {
      MutexLock lock(mu_);
      if (!save_wanted_) return;
      save_wanted_ = false;
      keys = keys_;
      saved_at_ = clock_.Monotonic();
      fetched_at = clock_.Now() - (saved_at_ - confirmed_at_);
    }
    const absl::Status saved = WriteKeyCache(options_.cache_file, {*keys, fetched_at});
    if (saved.ok()) return;
    log_.Warning("keys.cache_not_written",
                 {{"path", options_.cache_file}, {"cause", std::string(saved.message())}});
  }

  bool IsFetching() const {
    MutexLock lock(mu_);
    return fetching_;
  }

  absl::StatusOr<FetchedKeySet> FetchOnce() {
    TESSERA_ASSIGN_OR_RETURN(FetchedKeySet fetched, fetcher_->Fetch());
    if (fetched.keys.empty()) return absl::UnavailableError("no key of ours");
    if (HasSharedKey(fetched.keys)) return absl::UnavailableError("a shared key");
    return fetched;
  }

  void Finish(absl::StatusOr<FetchedKeySet> answer) {
    absl::Status fetched = answer.status();
    absl::Status result;
    std::vector<Done> waiting;
    bool closed = false;
    {
      MutexLock lock(mu_);
      if (fetched.ok()) fetched = TakeFetched(*std::move(answer));
      if (fetched.ok()) answered_at_ = begun_at_;
      last_ = result = fetched.ok() ? absl::OkStatus() : Failure();
      fetching_ = false;  // who asks from now on did not share this fetch
      waiting.swap(waiting_);
      closed = closed_;
    }
    if (!fetched.ok() && !closed) {
      log_.Warning("keys.fetch_failed", {{"cause", std::string(fetched.message())}});
    }
    for (const Done& done : waiting) done(result);
  }

  // OK: what is held is at least as new as when the fetch began. What was offered meanwhile is,
  // whatever the answer; only an answer that says that it is newer replaces it.
  absl::Status TakeFetched(FetchedKeySet fetched) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const bool older = HoldsNewerThan(fetched.version);
    if (offered_meanwhile_ && !IsOlder(version_, fetched.version)) return absl::OkStatus();
    if (older) return absl::UnavailableError(kOlder);
    refresh_after_ = std::min(fetched.refresh_after, options_.max_age / 2);
    Take(std::make_shared<const JwkSet>(std::move(fetched.keys)), fetched.version);
    // Begin reckoned with a failure, and with how long the set before was good.
    next_refresh_ =
        std::min(next_refresh_, confirmed_at_ + std::max(options_.min_interval, refresh_after_));
    return absl::OkStatus();
  }

  // Keeps the pointer if the keys are the same: guards tell by it that nothing has changed.
  void Take(std::shared_ptr<const JwkSet> keys, const KeySetVersion& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const bool news = keys->ToJson() != keys_->ToJson();
    if (news) keys_ = std::move(keys);
    version_ = version;
    confirmed_at_ = clock_.Monotonic();
    unconfirmed_ = false;
    const bool due = news || confirmed_at_ - saved_at_ >= kSaveEvery;
    save_wanted_ = !options_.cache_file.empty() && (save_wanted_ || due);
  }

  const std::unique_ptr<KeyFetcher> fetcher_;
  const FetchedKeysOptions options_;
  const Clock& clock_;
  LogSink& log_;
  const std::shared_ptr<const JwkSet> none_;

  mutable Mutex mu_;
  CondVar changed_;
  std::shared_ptr<const JwkSet> keys_ ABSL_GUARDED_BY(mu_);
  KeySetVersion version_ ABSL_GUARDED_BY(mu_);           // of keys_
  bool offered_meanwhile_ ABSL_GUARDED_BY(mu_) = false;  // since the last fetch began
  absl::Duration begun_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();     // the last fetch
  absl::Duration answered_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();  // begun_at_ of the
                                                                                 // last good one
  absl::Duration refresh_after_ ABSL_GUARDED_BY(mu_);
  absl::Duration confirmed_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_fetch_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_refresh_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  bool unconfirmed_ ABSL_GUARDED_BY(mu_) = false;  // from the cache file
  bool save_wanted_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration saved_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Status last_ ABSL_GUARDED_BY(mu_);
  bool fetching_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Done> waiting_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

class FetchedKeys final : public KeySource {
 public:
  explicit FetchedKeys(const std::shared_ptr<State>& state)
      : state_(state), thread_([state] { state->Run(); }) {}
  ~FetchedKeys() override {
    state_->Close();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // destroyed from within one of its own callbacks
    } else {
      thread_.join();
    }
  }

  std::shared_ptr<const JwkSet> Current() const override { return state_->Current(); }
  void Fetch(Done done) override { state_->Fetch(std::move(done)); }
  absl::Duration SinceFetch() const override { return state_->SinceFetch(); }
  bool Offer(std::shared_ptr<const JwkSet> keys) override {
    return state_->Offer(std::move(keys), {});
  }
  bool OfferVersion(std::shared_ptr<const JwkSet> keys, const KeySetVersion& version) override {
    return state_->Offer(std::move(keys), version);
  }

 private:
  const std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace

std::shared_ptr<KeySource> MakeFetchedKeys(std::unique_ptr<KeyFetcher> fetcher,
                                           FetchedKeysOptions options, const Clock& clock,
                                           LogSink& log) {
  return std::make_shared<FetchedKeys>(
      std::make_shared<State>(std::move(fetcher), std::move(options), clock, log));
}

}  // namespace tessera::guard
