#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/key_source.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera {
namespace {

using Done = std::function<void(absl::Status)>;

// One GetJwks; lives until its callback has run.
struct JwksCall {
  grpc::ClientContext context;
  v1::GetJwksRequest request;
  v1::GetJwksResponse response;
};

absl::StatusOr<JwkSet> ReadAnswer(const grpc::Status& status, const JwksCall& call) {
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("GetJwks: code ", static_cast<int>(status.error_code())));
  }
  TESSERA_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(call.response.jwks_json()));
  if (keys.empty()) return absl::UnavailableError("GetJwks: no key of ours");
  return keys;
}

// What the source shares with calls in flight.
class ServerKeysState {
 public:
  ServerKeysState(std::shared_ptr<grpc::Channel> channel, const ServerKeysOptions& options,
                  const Clock& clock, LogSink& log)
      : stub_(v1::AuthService::NewStub(channel)),
        options_(options),
        clock_(clock),
        log_(log),
        none_(std::make_shared<const JwkSet>()),
        keys_(none_) {}

  std::shared_ptr<const JwkSet> Current() const {
    MutexLock lock(mu_);
    const bool too_old = clock_.Monotonic() - confirmed_at_ > options_.max_age;
    return too_old ? none_ : keys_;
  }

  void Fetch(const std::shared_ptr<ServerKeysState>& self, Done done) {
    std::optional<absl::Status> known;
    std::shared_ptr<JwksCall> call;
    {
      MutexLock lock(mu_);
      if (closed_) known = Failure();
      if (!known && call_ == nullptr && clock_.Monotonic() < next_fetch_) known = last_;
      if (!known) waiting_.push_back(std::move(done));
      if (!known && call_ == nullptr) {
        call = call_ = std::make_shared<JwksCall>();
        next_fetch_ = clock_.Monotonic() + options_.min_interval;
      }
    }
    if (known) return done(*known);
    if (call != nullptr) Send(self, call);
  }

  void Offer(std::shared_ptr<const JwkSet> keys) {
    if (keys == nullptr || keys->empty()) return;
    MutexLock lock(mu_);
    Take(std::move(keys));
  }

  // Returns when no callback is under way (unless called from within one).
  void Close() {
    std::shared_ptr<JwksCall> call;
    {
      MutexLock lock(mu_);
      closed_ = true;
      call = call_;
    }
    if (call != nullptr) call->context.TryCancel();
    MutexLock lock(mu_);
    while (call_ != nullptr && finishing_ != std::this_thread::get_id()) idle_.Wait(mu_);
  }

 private:
  static absl::Status Failure() {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the keys could not be fetched", absl::Seconds(1));
  }

  void Send(const std::shared_ptr<ServerKeysState>& self, const std::shared_ptr<JwksCall>& call) {
    // gRPC counts deadlines on the machine's clock, whatever clock the keys age by.
    call->context.set_deadline(absl::ToChronoTime(SystemClock().Now() + options_.fetch_timeout));
    stub_->async()->GetJwks(
        &call->context, &call->request, &call->response,
        [self, call](const grpc::Status& status) { self->Finish(ReadAnswer(status, *call)); });
  }

  void Finish(absl::StatusOr<JwkSet> answer) {
    absl::Status result = answer.status();
    if (!result.ok()) {
      log_.Warning("keys.fetch_failed", {{"cause", std::string(result.message())}});
      result = Failure();
    }
    std::vector<Done> waiting;
    {
      MutexLock lock(mu_);
      finishing_ = std::this_thread::get_id();
      if (answer.ok()) Take(std::make_shared<const JwkSet>(*std::move(answer)));
      last_ = result;
      waiting.swap(waiting_);
    }
    for (const Done& done : waiting) done(result);
    EndCall();
  }

  void EndCall() {
    std::vector<Done> late;
    absl::Status result;
    {
      MutexLock lock(mu_);
      late.swap(waiting_);
      result = last_;
      call_ = nullptr;
      finishing_ = std::thread::id();
      idle_.NotifyAll();
    }
    for (const Done& done : late) done(result);
  }

  // Keeps the pointer if the keys are the same: guards tell by it that nothing has changed.
  void Take(std::shared_ptr<const JwkSet> keys) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (keys->ToJson() != keys_->ToJson()) keys_ = std::move(keys);
    confirmed_at_ = clock_.Monotonic();
  }

  const std::unique_ptr<v1::AuthService::Stub> stub_;
  const ServerKeysOptions options_;
  const Clock& clock_;
  LogSink& log_;
  const std::shared_ptr<const JwkSet> none_;

  mutable Mutex mu_;
  CondVar idle_;
  std::shared_ptr<const JwkSet> keys_ ABSL_GUARDED_BY(mu_);
  absl::Duration confirmed_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_fetch_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Status last_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<JwksCall> call_ ABSL_GUARDED_BY(mu_);  // null when idle
  std::thread::id finishing_ ABSL_GUARDED_BY(mu_);
  std::vector<Done> waiting_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

class ServerKeys final : public KeySource {
 public:
  explicit ServerKeys(std::shared_ptr<ServerKeysState> state) : state_(std::move(state)) {}
  ~ServerKeys() override { state_->Close(); }

  std::shared_ptr<const JwkSet> Current() const override { return state_->Current(); }
  void Fetch(Done done) override { state_->Fetch(state_, std::move(done)); }
  void Offer(std::shared_ptr<const JwkSet> keys) override { state_->Offer(std::move(keys)); }

 private:
  const std::shared_ptr<ServerKeysState> state_;
};

}  // namespace

std::shared_ptr<KeySource> KeysFromServer(std::shared_ptr<grpc::Channel> channel,
                                          const ServerKeysOptions& options, const Clock& clock,
                                          LogSink& log) {
  return std::make_shared<ServerKeys>(
      std::make_shared<ServerKeysState>(std::move(channel), options, clock, log));
}

}  // namespace tessera
