#include "tessera/caller/token_keeper.h"

#include <algorithm>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"

namespace tessera {
namespace {

// The thread looks at the clock at least this often: the wall clock may jump, the machine sleep.
constexpr absl::Duration kLookAgain = absl::Seconds(30);

}  // namespace

std::shared_ptr<TokenKeeper> TokenKeeper::Start(std::unique_ptr<GrantSource> source,
                                                const TokenKeeperOptions& options) {
  std::shared_ptr<TokenKeeper> keeper(new TokenKeeper(std::move(source), options));
  keeper->thread_ = std::thread([keeper] { keeper->Run(); });
  return keeper;
}

std::optional<TokenResult> TokenKeeper::Current() {
  MutexLock lock(mu_);
  return Look();
}

std::optional<TokenResult> TokenKeeper::CurrentOrWait(std::shared_ptr<TokenWaiter> waiter) {
  MutexLock lock(mu_);
  auto now = Look();
  if (now.has_value()) return now;
  const TokenWaiter* const key = waiter.get();
  waiters_.emplace(key, std::move(waiter));
  changed_.NotifyOne();
  return std::nullopt;
}

std::optional<TokenResult> TokenKeeper::Look() {
  if (closed_) return TokenResult(CallerClosed());
  if (token_ != nullptr && life_->IsAlive(clock_)) {
    const bool idle = in_flight_ == Request::kNone && clock_.Monotonic() >= retry_at_;
    if (idle && UntilRenewal() <= absl::ZeroDuration()) changed_.NotifyOne();
    return TokenResult(token_);
  }
  const bool pausing = in_flight_ == Request::kNone && clock_.Monotonic() < retry_at_;
  if (refused_ && pausing) return TokenResult(last_failure_);
  return std::nullopt;
}

void TokenKeeper::Forget(const TokenWaiter& waiter) {
  MutexLock lock(mu_);
  waiters_.erase(&waiter);
}

void TokenKeeper::Refused(uint64_t serial) {
  {
    MutexLock lock(mu_);
    if (closed_ || token_ == nullptr || token_->serial != serial) return;
    const absl::Duration now = clock_.Monotonic();
    if (now < drop_at_) return;
    drop_at_ = now + kDropPause;
    token_.reset();
    changed_.NotifyOne();
  }
  options_.log->Info("caller.token.dropped");
}

absl::Status TokenKeeper::LastFailure() const {
  MutexLock lock(mu_);
  return last_failure_;
}

void TokenKeeper::LookAgain() {
  MutexLock lock(mu_);
  changed_.NotifyOne();
}

absl::Status TokenKeeper::Logout() {
  const absl::Duration give_up = SystemClock().Monotonic() + 3 * options_.request_timeout;
  MutexLock lock(mu_);
  const uint64_t ticket = ++logouts_wanted_;
  changed_.NotifyOne();
  while (logouts_done_ < ticket && !closed_) {
    const absl::Duration left = give_up - SystemClock().Monotonic();
    if (left <= absl::ZeroDuration()) {
      return Refusal(absl::StatusCode::kUnavailable, reason::kAuthServerUnavailable,
                     "the session may not have been ended: an earlier request hangs");
    }
    logged_out_.WaitFor(mu_, left);
  }
  return logouts_done_ < ticket ? CallerClosed() : logout_result_;
}

void TokenKeeper::Close() {
  Waiters waiters;
  {
    MutexLock lock(mu_);
    if (closed_) return;
    closed_ = true;
    waiters.swap(waiters_);
    changed_.NotifyAll();
    logged_out_.NotifyAll();
  }
  for (const auto& [key, waiter] : waiters) waiter->Answer(CallerClosed());
  // A log sink may hold the last reference to the caller: the thread then ends by itself.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
  source_->Close();
}

absl::Duration TokenKeeper::UntilRenewal() const {
  if (token_ == nullptr) return absl::ZeroDuration();
  return renews_early_ ? life_->UntilRenewal(clock_) : life_->UntilExpiry(clock_);
}

TokenKeeper::Step TokenKeeper::After(absl::Duration until_due, Request request) const {
  const absl::Duration pause = std::max(until_due, retry_at_ - clock_.Monotonic());
  if (pause <= absl::ZeroDuration()) return {request, absl::ZeroDuration()};
  return {Request::kNone, std::min(pause, kLookAgain)};
}

TokenKeeper::Step TokenKeeper::NextStep() {
  if (in_flight_ != Request::kNone) return {Request::kNone, kLookAgain};
  if (logouts_done_ < logouts_wanted_) return {Request::kLogout, absl::ZeroDuration()};
  if (session_.has_value()) return After(UntilRenewal(), Request::kRenew);
  if (waiters_.empty() && !login_wanted_) return {Request::kNone, kLookAgain};
  return After(absl::ZeroDuration(), Request::kLogin);
}

void TokenKeeper::Run() {
  while (true) {
    Job job;
    {
      MutexLock lock(mu_);
      if (closed_) return;
      const Step step = NextStep();
      if (step.request == Request::kNone) {
        changed_.WaitFor(mu_, step.pause);
        continue;
      }
      in_flight_ = step.request;
      asked_alive_ = token_ != nullptr && life_->IsAlive(clock_);
      job = {step.request, session_.value_or(Grant()), logouts_wanted_};
    }
    Send(job);
  }
}

void TokenKeeper::Send(const Job& job) {
  // An answer may come after the keeper is gone.
  const std::weak_ptr<TokenKeeper> weak = weak_from_this();
  const auto landed = [weak, request = job.request](absl::StatusOr<Grant> result) {
    if (const auto keeper = weak.lock()) keeper->Landed(request, std::move(result));
  };
  switch (job.request) {
    case Request::kLogin:
      return source_->Login(landed);
    case Request::kRenew:
      return source_->Renew(job.session, landed);
    case Request::kLogout:
      if (job.session.refresh_token.empty()) return LoggedOut(job.logouts, absl::OkStatus());
      return source_->Logout(job.session.refresh_token,
                             [weak, logouts = job.logouts](const absl::Status& status) {
                               if (const auto keeper = weak.lock()) {
                                 keeper->LoggedOut(logouts, status);
                               }
                             });
    case Request::kNone:
      return;
  }
}

void TokenKeeper::Landed(Request request, absl::StatusOr<Grant> result) {
  const absl::Status status = result.status();
  TokenResult answer = nullptr;
  Waiters waiters;
  {
    MutexLock lock(mu_);
    in_flight_ = Request::kNone;
    if (closed_) return;
    bool answers = true;
    if (result.ok()) {
      Adopt(request, *std::move(result));
      answer = token_;
    } else {
      answers = TakeFailure(request, status);
      answer = status;
    }
    if (answers) waiters.swap(waiters_);
    changed_.NotifyOne();
  }
  Report(request, status);
  for (const auto& [key, waiter] : waiters) waiter->Answer(answer);
}

void TokenKeeper::Adopt(Request request, Grant grant) {
  life_.emplace(grant, options_.renew_at, clock_);
  auto token = std::make_shared<LiveToken>();
  token->text = grant.access_token;
  if (request == Request::kLogin) renews_early_ = true;
  token->serial = ++last_serial_;
  token_ = std::move(token);
  session_ = std::move(grant);
  login_wanted_ = false;
  refused_ = false;
  last_failure_ = absl::OkStatus();
  backoff_.Reset();
  retry_at_ = absl::ZeroDuration();
}

void TokenKeeper::EndSession() {
  session_.reset();
  refused_ = false;
  backoff_.Reset();
  retry_at_ = absl::ZeroDuration();
}

void TokenKeeper::KeepUntilExpiry(const absl::Status& failure) {
  renews_early_ = false;
  refused_ = false;
  // Expired here and not there: clocks do not run alike.
  if (!asked_alive_) retry_at_ = clock_.Monotonic() + backoff_.Next(RetryDelayOf(failure));
}

bool TokenKeeper::TakeFailure(Request request, const absl::Status& failure) {
  last_failure_ = failure;
  const absl::Duration now = clock_.Monotonic();
  if (absl::IsUnavailable(failure)) {
    refused_ = false;
    retry_at_ = now + backoff_.Next(RetryDelayOf(failure));
    return false;
  }
  // A token that a service refused is gone: only a login brings another before it has expired.
  const bool too_early = ReasonOf(failure) == reason::kAccessTokenNotExpired;
  if (request == Request::kRenew && too_early && token_ != nullptr) {
    KeepUntilExpiry(failure);
    return false;
  }
  if (request == Request::kRenew) {
    EndSession();
    login_wanted_ = true;
    return false;
  }
  login_wanted_ = false;
  refused_ = true;
  retry_at_ = now + kRefusalPause;
  return true;
}

void TokenKeeper::LoggedOut(uint64_t logouts, const absl::Status& status) {
  {
    MutexLock lock(mu_);
    in_flight_ = Request::kNone;
    if (status.ok()) {
      EndSession();
      token_.reset();
      login_wanted_ = false;
    }
    logouts_done_ = std::max(logouts_done_, logouts);
    logout_result_ = status;
    logged_out_.NotifyAll();
    changed_.NotifyOne();
  }
  Report(Request::kLogout, status);
}

void TokenKeeper::Report(Request request, const absl::Status& status) const {
  const char* const name = request == Request::kLogin    ? "login"
                           : request == Request::kRenew  ? "renew"
                           : request == Request::kLogout ? "logout"
                                                         : "none";
  if (status.ok()) return options_.log->Info("caller.request.done", {{"request", name}});
  const std::string code = absl::StatusCodeToString(status.code());
  options_.log->Warning("caller.request.failed",
                        {{"request", name}, {"code", code}, {"reason", ReasonOf(status)}});
}

}  // namespace tessera
