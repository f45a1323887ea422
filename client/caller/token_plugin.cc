#include "tessera/caller/token_plugin.h"

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/transport_security.h"

namespace tessera {
namespace {

// A thread that waits for its token.
class BlockedCall final : public TokenWaiter {
 public:
  void Answer(TokenResult result) override {
    MutexLock lock(mu_);
    answer_ = std::move(result);
    changed_.NotifyAll();
  }
  std::optional<TokenResult> Await(absl::Duration limit) {
    const absl::Duration end = SystemClock().Monotonic() + limit;
    MutexLock lock(mu_);
    while (!answer_.has_value()) {
      const absl::Duration left = end - SystemClock().Monotonic();
      if (left <= absl::ZeroDuration()) return std::nullopt;
      changed_.WaitFor(mu_, left);
    }
    return answer_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::optional<TokenResult> answer_ ABSL_GUARDED_BY(mu_);
};

class TokenPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit TokenPlugin(TokenPluginOptions options) : options_(std::move(options)) {}

  // It may wait.
  bool IsBlocking() const override { return true; }
  const char* GetType() const override { return "tessera"; }
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext& connection,
                           std::multimap<std::string, std::string>* metadata) override;

 private:
  TokenResult TakeToken();
  TokenResult Wait();
  bool Enter();
  void Leave();

  const TokenPluginOptions options_;
  Mutex mu_;
  int blocked_ ABSL_GUARDED_BY(mu_) = 0;
};

grpc::Status TokenPlugin::GetMetadata(grpc::string_ref, grpc::string_ref,
                                      const grpc::AuthContext& connection,
                                      std::multimap<std::string, std::string>* metadata) {
  const TokenResult token = IsPrivate(connection) ? TakeToken() : TokenResult(PlaintextRefused());
  if (!token.ok()) {
    return grpc::Status(static_cast<grpc::StatusCode>(token.status().code()),
                        std::string(token.status().message()));
  }
  metadata->emplace("authorization", "Bearer " + std::string((*token)->text.Reveal()));
  if (!options_.device_id.empty()) {
    metadata->emplace(kDeviceHeader, std::string(options_.device_id.Reveal()));
  }
  return grpc::Status::OK;
}

TokenResult TokenPlugin::TakeToken() {
  const auto now = options_.supply->Current();
  if (now.has_value()) return *now;
  if (!Enter()) {
    return Refusal(absl::StatusCode::kUnavailable, reason::kOverloaded,
                   "too many calls wait for their token");
  }
  TokenResult token = Wait();
  Leave();
  return token;
}

TokenResult TokenPlugin::Wait() {
  const auto call = std::make_shared<BlockedCall>();
  const auto now = options_.supply->CurrentOrWait(call);
  if (now.has_value()) return *now;
  const auto answer = call->Await(options_.wait_limit);
  if (answer.has_value()) return *answer;
  options_.supply->Forget(*call);
  return WaitedInVain(options_.supply->LastFailure());
}

bool TokenPlugin::Enter() {
  MutexLock lock(mu_);
  if (blocked_ >= Caller::kMaxBlockedCalls) return false;
  ++blocked_;
  return true;
}

void TokenPlugin::Leave() {
  MutexLock lock(mu_);
  --blocked_;
}

}  // namespace

std::shared_ptr<grpc::CallCredentials> PluginCredentials(TokenPluginOptions options) {
  return grpc::experimental::MetadataCredentialsFromPlugin(
      std::make_unique<TokenPlugin>(std::move(options)), GRPC_PRIVACY_AND_INTEGRITY);
}

}  // namespace tessera
