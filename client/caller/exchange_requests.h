// Exchanges tokens at tesserad (RFC 8693), as the program's own service account.
#ifndef TESSERA_CALLER_EXCHANGE_REQUESTS_H_
#define TESSERA_CALLER_EXCHANGE_REQUESTS_H_

#include <memory>
#include <unordered_map>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tessera/caller/auth_requests.h"
#include "tessera/caller/exchange_source.h"
#include "tessera/caller/token_interceptor.h"
#include "tessera/caller/token_supply.h"

namespace tessera {

// Thread-safe. Each request waits for the program's own token, then for tesserad, `request_timeout`
// for each; if tesserad refuses the own token, once more with a fresh one.
class ExchangeRequests final : public ExchangeSource {
 public:
  // `own`: tokens of the service account for tesserad itself. To be closed before this is.
  ExchangeRequests(const AuthRequestsOptions& options, std::shared_ptr<TokenSupply> own);
  ~ExchangeRequests() override { Close(); }

  void Ask(const ExchangeWish& wish, Done done) override;
  absl::Status LastFailure() const override { return own_->LastFailure(); }
  void Close() override;

 private:
  class UnderWay;
  struct Trip;
  struct Attempt;

  void AwaitOwnToken(const std::shared_ptr<Trip>& trip);
  void TakeOwnToken(const std::shared_ptr<Trip>& trip, const TokenResult& own);
  void Send(const std::shared_ptr<Trip>& trip, const LiveToken& own);
  void Landed(const std::shared_ptr<Trip>& trip, Attempt* attempt, const grpc::Status& status);
  static void Finish(const Trip& trip, absl::StatusOr<Grant> result);
  std::shared_ptr<Attempt> Make(const ExchangeWish& wish, const LiveToken& own);
  // False once closed.
  bool Begin(const std::shared_ptr<Attempt>& attempt);
  std::shared_ptr<Attempt> End(Attempt* attempt);
  void TryConnectionAgain();

  AuthRequestsOptions options_;
  std::unique_ptr<v1::AuthService::Stub> stub_;
  const std::shared_ptr<TokenSupply> own_;
  TokenCarrier carrier_;
  const std::shared_ptr<UnderWay> under_way_;  // shared with all that ends there

  Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration next_connection_ ABSL_GUARDED_BY(mu_);  // monotonic
  std::unordered_map<Attempt*, std::shared_ptr<Attempt>> attempts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera

#endif  // TESSERA_CALLER_EXCHANGE_REQUESTS_H_
