// Calls on behalf of somebody else: how one call says whose token it is to carry.
#ifndef TESSERA_CALLER_DELEGATION_H_
#define TESSERA_CALLER_DELEGATION_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/secret.h"
#include "tessera/caller/token_supply.h"

namespace grpc {
class CallCredentials;
}

namespace tessera {

// Credentials that stand for `supply`: the caller's interceptor finds it by them and puts them
// aside. Whoever takes them for what they seem (a channel without the interceptor, a composite) has
// calls that fail before anything is sent.
std::shared_ptr<grpc::CallCredentials> CredentialsFor(std::shared_ptr<TokenSupply> supply);

// What such credentials stand for; null for all others.
std::shared_ptr<TokenSupply> SupplyOf(const std::shared_ptr<grpc::CallCredentials>& credentials);

// One token until its end, or a refusal. Thread-safe.
class FixedToken final : public TokenSupply {
 public:
  FixedToken(const Secret& token, absl::Time expires_at, const Clock& clock);
  explicit FixedToken(absl::Status refusal);

  std::optional<TokenResult> Current() override;
  std::optional<TokenResult> CurrentOrWait(std::shared_ptr<TokenWaiter>) override {
    return Current();
  }
  void Forget(const TokenWaiter&) override {}
  void Refused(uint64_t) override {}
  absl::Status LastFailure() const override { return absl::OkStatus(); }

 private:
  const TokenResult result_;
  const absl::Time expires_at_;
  const Clock& clock_;
};

// UNAUTHENTICATED TOKEN_EXPIRED: the token of the call that is being served.
absl::Status SubjectExpired();

}  // namespace tessera

#endif  // TESSERA_CALLER_DELEGATION_H_
