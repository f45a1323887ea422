// The keys of a foreign issuer, read again and again from wherever it publishes them.
#ifndef TESSERA_SERVER_AUTH_REFRESHED_KEYS_H_
#define TESSERA_SERVER_AUTH_REFRESHED_KEYS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tessera/guard/key_source.h"

namespace tessera::server {

// Thread-safe. A thread of its own loads: at once, every `refresh_every`, and when newer keys are
// wanted, at most once in `min_interval` (within it the last answer is given again); all who want
// them while a load runs share it. What was loaded replaces what was there, so that a key that the
// issuer took back ends; through failed loads the old keys stay for at most `max_age`. Ages count
// on the clock's monotonic side. Events: `issuer_keys.loaded` when they have changed,
// `issuer_keys.load_failed`.
class RefreshedKeys final : public KeySource {
 public:
  struct Options {
    absl::Duration refresh_every = absl::Minutes(5);
    absl::Duration min_interval = absl::Seconds(10);
    absl::Duration max_age = absl::Hours(24);
  };
  // A JWK set as JSON text. Runs on the source's thread and may block; `stop()` turns true when
  // nobody wants the answer any more. The message of its failures goes to the log.
  using Stop = std::function<bool()>;
  using Loader = std::function<absl::StatusOr<std::string>(const Stop& stop)>;

  // `clock` and `log` must outlive the source.
  RefreshedKeys(Options options, Loader loader, const Clock& clock, LogSink& log);
  // Answers who waits with UNAVAILABLE.
  ~RefreshedKeys() override;

  std::shared_ptr<const JwkSet> Current() const override;
  void Fetch(std::function<void(absl::Status)> done) override;

 private:
  using Done = std::function<void(absl::Status)>;

  void Run();
  bool WaitUntilWanted();
  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<JwkSet> Load() const;
  void Finish(absl::StatusOr<JwkSet> loaded);
  bool Take(JwkSet keys) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool stopped() const;

  const Options options_;
  const Loader loader_;
  const Clock& clock_;
  LogSink& log_;
  const std::shared_ptr<const JwkSet> none_ = std::make_shared<const JwkSet>();

  mutable Mutex mu_;
  CondVar changed_;
  std::shared_ptr<const JwkSet> keys_ ABSL_GUARDED_BY(mu_) = none_;
  absl::Duration loaded_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_on_demand_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_by_itself_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Status last_ ABSL_GUARDED_BY(mu_);
  bool loading_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Done> waiting_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_REFRESHED_KEYS_H_
