#include "tessera/caller/exchange_requests.h"

#include <grpcpp/channel.h>

#include <optional>
#include <string>
#include <utility>

#include "tessera/base/clock.h"
#include "tessera/base/reason.h"
#include "tessera/caller/auth_failure.h"
#include "tessera/caller/parked_call.h"
#include "tessera/caller/reason.h"
#include "tessera/token/bearer_token.h"

namespace tessera {
namespace {

// A connection that failed is tried again at most this often for exchanges.
constexpr absl::Duration kConnectionPause = absl::Seconds(1);

absl::StatusOr<Grant> TakeGrant(v1::ExchangeTokenResponse& from) {
  if (!IsBearerToken(from.access_token())) {
    return absl::FailedPreconditionError("the auth server's answer holds no usable token");
  }
  Grant grant;
  grant.access_token = Secret(std::move(*from.mutable_access_token()));
  grant.access_expires_at = TimeOf(from.access_expires_at());
  return grant;
}

// tesserad says INVALID_ARGUMENT of the subject's token; to the call that carries it, that is what
// a guard would say of it.
absl::Status ExchangeFailure(const grpc::Status& status, const Secret& subject) {
  const bool of_subject = status.error_code() == grpc::StatusCode::INVALID_ARGUMENT &&
                          ReasonOf(status).rfind("TOKEN_", 0) == 0;
  if (!of_subject) return AuthFailure("exchange", status, subject);
  return AuthFailure("exchange",
                     grpc::Status(grpc::StatusCode::UNAUTHENTICATED, status.error_message(),
                                  status.error_details()),
                     subject);
}

}  // namespace

// Counts requests that have not ended. Thread-safe.
class ExchangeRequests::UnderWay {
 public:
  void Add() {
    MutexLock lock(mu_);
    ++count_;
  }
  void Done() {
    MutexLock lock(mu_);
    --count_;
    changed_.NotifyAll();
  }
  void AwaitNone() {
    MutexLock lock(mu_);
    while (count_ > 0) changed_.Wait(mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

// One exchange, from the question to the answer. Holds no channel.
struct ExchangeRequests::Trip {
  ExchangeWish wish;
  Done done;
  std::shared_ptr<UnderWay> under_way;
  bool may_repeat = true;
  uint64_t own_serial = 0;  // of the own token that it shows
  ~Trip() { under_way->Done(); }
};

struct ExchangeRequests::Attempt {
  grpc::ClientContext context;
  v1::ExchangeTokenRequest request;
  v1::ExchangeTokenResponse response;
  ~Attempt() {
    WipeString(*request.mutable_subject_token());
    WipeString(*response.mutable_access_token());
  }
};

ExchangeRequests::ExchangeRequests(const AuthRequestsOptions& options,
                                   std::shared_ptr<TokenSupply> own)
    : options_(options),
      stub_(v1::AuthService::NewStub(options.auth_server)),
      own_(std::move(own)),
      carrier_(options.allow_plaintext, Secret()),
      under_way_(std::make_shared<UnderWay>()) {}

void ExchangeRequests::Ask(const ExchangeWish& wish, Done done) {
  under_way_->Add();
  const auto trip = std::make_shared<Trip>();
  trip->wish = wish;
  trip->done = std::move(done);
  trip->under_way = under_way_;
  AwaitOwnToken(trip);
}

void ExchangeRequests::AwaitOwnToken(const std::shared_ptr<Trip>& trip) {
  const auto now = own_->Current();
  if (now.has_value()) return TakeOwnToken(trip, *now);
  const auto slot = std::make_shared<std::weak_ptr<ParkedCall>>();
  const auto parked =
      std::make_shared<ParkedCall>([this, trip, slot](const std::optional<TokenResult>& result) {
        if (result.has_value()) return TakeOwnToken(trip, *result);
        if (const auto self = slot->lock()) own_->Forget(*self);
        Finish(*trip, WaitedInVain(own_->LastFailure()));
      });
  *slot = parked;
  auto answer = own_->CurrentOrWait(parked);
  if (answer.has_value()) parked->Answer(*std::move(answer));
  parked->Arm(SystemClock().Now() + options_.request_timeout);
}

void ExchangeRequests::TakeOwnToken(const std::shared_ptr<Trip>& trip, const TokenResult& own) {
  if (!own.ok()) return Finish(*trip, own.status());
  trip->own_serial = (*own)->serial;
  Send(trip, **own);
}

bool ExchangeRequests::Begin(const std::shared_ptr<Attempt>& attempt) {
  MutexLock lock(mu_);
  if (closed_) return false;
  attempts_.emplace(attempt.get(), attempt);
  return true;
}

std::shared_ptr<ExchangeRequests::Attempt> ExchangeRequests::End(Attempt* attempt) {
  MutexLock lock(mu_);
  const auto found = attempts_.find(attempt);
  std::shared_ptr<Attempt> ended = std::move(found->second);
  attempts_.erase(found);
  return ended;
}

// A channel that failed before waits up to two minutes.
void ExchangeRequests::TryConnectionAgain() {
  {
    MutexLock lock(mu_);
    const absl::Duration now = SystemClock().Monotonic();
    if (now < next_connection_) return;
    next_connection_ = now + kConnectionPause;
  }
  grpc::experimental::ChannelResetConnectionBackoff(options_.auth_server.get());
}

std::shared_ptr<ExchangeRequests::Attempt> ExchangeRequests::Make(const ExchangeWish& wish,
                                                                  const LiveToken& own) {
  auto attempt = std::make_shared<Attempt>();
  attempt->context.set_deadline(absl::ToChronoTime(SystemClock().Now() + options_.request_timeout));
  attempt->context.set_wait_for_ready(true);
  carrier_.PutOn(own, attempt->context);
  attempt->request.set_subject_token(std::string(wish.subject->access_token.Reveal()));
  attempt->request.set_audience(wish.exchange.audience);
  attempt->request.mutable_scopes()->Assign(wish.exchange.scopes.begin(),
                                            wish.exchange.scopes.end());
  return attempt;
}

void ExchangeRequests::Send(const std::shared_ptr<Trip>& trip, const LiveToken& own) {
  std::shared_ptr<Attempt> made = Make(trip->wish, own);
  Attempt* const attempt = made.get();
  TryConnectionAgain();
  if (!Begin(std::exchange(made, nullptr))) return Finish(*trip, CallerClosed());
  stub_->async()->ExchangeToken(
      &attempt->context, &attempt->request, &attempt->response,
      [this, trip, attempt](const grpc::Status& status) { Landed(trip, attempt, status); });
}

void ExchangeRequests::Landed(const std::shared_ptr<Trip>& trip, Attempt* attempt,
                              const grpc::Status& status) {
  std::shared_ptr<Attempt> ended = End(attempt);
  absl::StatusOr<Grant> result = status.ok()
                                     ? TakeGrant(ended->response)
                                     : ExchangeFailure(status, trip->wish.subject->access_token);
  ended.reset();  // it holds the channel: it goes before the trip ends, for which Close waits
  if (IsTokenRefusal(status)) {
    own_->Refused(trip->own_serial);
    if (std::exchange(trip->may_repeat, false)) return AwaitOwnToken(trip);
    result = Refusal(absl::StatusCode::kUnavailable, reason::kAuthServerUnavailable,
                     "tesserad refuses the token that it has just given this program");
  }
  Finish(*trip, std::move(result));
}

void ExchangeRequests::Finish(const Trip& trip, absl::StatusOr<Grant> result) {
  trip.done(std::move(result));
}

void ExchangeRequests::Close() {
  std::unordered_map<Attempt*, std::shared_ptr<Attempt>> attempts;
  {
    MutexLock lock(mu_);
    if (closed_) return;
    closed_ = true;
    attempts = attempts_;
  }
  for (const auto& [address, attempt] : attempts) attempt->context.TryCancel();
  under_way_->AwaitNone();
  attempts.clear();
  stub_.reset();
  options_.auth_server.reset();
}

}  // namespace tessera
