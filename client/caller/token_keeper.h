// Keeps one live token: the state machine of the caller, without gRPC.
#ifndef TESSERA_CALLER_TOKEN_KEEPER_H_
#define TESSERA_CALLER_TOKEN_KEEPER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tessera/caller/backoff.h"
#include "tessera/caller/grant_source.h"
#include "tessera/caller/token_life.h"
#include "tessera/caller/token_supply.h"

namespace tessera {

struct TokenKeeperOptions {
  double renew_at = 0.8;
  absl::Duration request_timeout = absl::Seconds(5);
  const Clock* clock = &SystemClock();
  LogSink* log = &NoLog();
};

// Thread-safe. None (no session) -> logging in -> live <-> renewing; at most one request is in
// flight. A thread of its own decides when the next one is due, by `clock`; it never blocks on a
// request. Must be closed.
class TokenKeeper final : public TokenSupply, public std::enable_shared_from_this<TokenKeeper> {
 public:
  // After refused credentials no login is tried for this long; calls get the refusal at once.
  static constexpr absl::Duration kRefusalPause = absl::Seconds(1);
  // Refused tokens are dropped at most this often: one that is refused for its audience, say, would
  // be refused again, and each call would cost a renewal.
  static constexpr absl::Duration kDropPause = absl::Seconds(1);

  static std::shared_ptr<TokenKeeper> Start(std::unique_ptr<GrantSource> source,
                                            const TokenKeeperOptions& options);

  std::optional<TokenResult> Current() override;
  // Failures to reach the auth server do not answer the waiter: it waits until it is forgotten.
  std::optional<TokenResult> CurrentOrWait(std::shared_ptr<TokenWaiter> waiter) override;
  void Forget(const TokenWaiter& waiter) override;
  // A fresh one is fetched.
  void Refused(uint64_t serial) override;
  absl::Status LastFailure() const override;

  // See Caller::Logout.
  absl::Status Logout();

  // The clock may have jumped: look whether something is due.
  void LookAgain();

  // Answers all who wait (UNAVAILABLE CALLER_CLOSED), abandons the request, ends the thread.
  void Close();

 private:
  enum class Request { kNone, kLogin, kRenew, kLogout };
  struct Step {
    Request request = Request::kNone;
    absl::Duration pause;  // for kNone: look again after it
  };
  struct Job {
    Request request = Request::kNone;
    Grant session;         // without tokens: none
    uint64_t logouts = 0;  // those wanted when it began
  };
  using Waiters = std::unordered_map<const TokenWaiter*, std::shared_ptr<TokenWaiter>>;

  TokenKeeper(std::unique_ptr<GrantSource> source, const TokenKeeperOptions& options)
      : options_(options), clock_(*options.clock), source_(std::move(source)) {}

  std::optional<TokenResult> Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration UntilRenewal() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Step After(absl::Duration until_due, Request request) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Run();
  void Send(const Job& job);
  void Landed(Request request, absl::StatusOr<Grant> result);
  void LoggedOut(uint64_t logouts, const absl::Status& status);
  void Adopt(Request request, Grant grant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The server renews only what has expired.
  void KeepUntilExpiry(const absl::Status& failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndSession() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // True if `failure` answers those who wait.
  bool TakeFailure(Request request, const absl::Status& failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Report(Request request, const absl::Status& status) const;

  const TokenKeeperOptions options_;
  const Clock& clock_;
  const std::unique_ptr<GrantSource> source_;
  std::thread thread_;

  mutable Mutex mu_;
  CondVar changed_;     // the thread waits on it
  CondVar logged_out_;  // Logout waits on it
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  Request in_flight_ ABSL_GUARDED_BY(mu_) = Request::kNone;
  bool asked_alive_ ABSL_GUARDED_BY(mu_) = false;  // token_ was alive when in_flight_ began
  std::optional<Grant> session_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const LiveToken> token_ ABSL_GUARDED_BY(mu_);  // null: none, or dropped
  std::optional<TokenLife> life_ ABSL_GUARDED_BY(mu_);           // of token_
  bool renews_early_ ABSL_GUARDED_BY(mu_) = true;                // this session's tokens
  uint64_t last_serial_ ABSL_GUARDED_BY(mu_) = 0;
  Waiters waiters_ ABSL_GUARDED_BY(mu_);
  bool login_wanted_ ABSL_GUARDED_BY(mu_) = false;  // though nobody may be waiting
  absl::Status last_failure_ ABSL_GUARDED_BY(mu_);
  bool refused_ ABSL_GUARDED_BY(mu_) = false;  // last_failure_ answers calls until retry_at_
  Backoff backoff_ ABSL_GUARDED_BY(mu_);
  absl::Duration retry_at_ ABSL_GUARDED_BY(mu_);  // monotonic, as the next
  absl::Duration drop_at_ ABSL_GUARDED_BY(mu_);
  uint64_t logouts_wanted_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t logouts_done_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status logout_result_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera

#endif  // TESSERA_CALLER_TOKEN_KEEPER_H_
