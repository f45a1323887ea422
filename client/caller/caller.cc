#include "tessera/caller/caller.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>
#include <vector>

#include "tessera/base/status_macros.h"
#include "tessera/caller/service_grant_source.h"
#include "tessera/caller/token_interceptor.h"
#include "tessera/caller/token_keeper.h"
#include "tessera/caller/transport_security.h"
#include "tessera/caller/user_grant_source.h"
#include "tessera/token/claims.h"

namespace tessera {
namespace {

// While calls are under way, a connection that has brought nothing for so long is asked whether it
// is alive, and given up if it does not answer. gRPC asks at most twice before something is sent
// again, which servers forgive that permit fewer pings.
constexpr int kKeepaliveMilliseconds = 20'000;
constexpr int kKeepaliveTimeoutMilliseconds = 10'000;

using Factory = grpc::experimental::ClientInterceptorFactoryInterface;

absl::Status CheckIdentity(const CallerOptions& options) {
  const auto wrong = [](const char* text) { return absl::InvalidArgumentError(text); };
  const UserLogin& login = options.login;
  if (options.service.has_value()) {
    const bool both = !login.username.empty() || login.password != nullptr;
    return both ? wrong("login: a service account has none")
                : CheckServiceCredentials(*options.service);
  }
  if (login.username.empty()) return wrong("login.username: required, unless there is `service`");
  if (login.password == nullptr) return wrong("login.password: a function is required");
  if (!login.device_id.empty() && !IsDeviceId(login.device_id.Reveal())) {
    return wrong("login.device_id: 16 to 128 printable ASCII characters without spaces");
  }
  return absl::OkStatus();
}

absl::Status Check(const CallerOptions& options) {
  const auto wrong = [](const char* text) { return absl::InvalidArgumentError(text); };
  if (options.auth_server == nullptr) return wrong("auth_server: a channel is required");
  TESSERA_RETURN_IF_ERROR(CheckIdentity(options));
  if (options.wait_limit <= absl::ZeroDuration()) return wrong("wait_limit: must be above 0");
  if (options.request_timeout <= absl::ZeroDuration() ||
      options.request_timeout > absl::Minutes(10)) {
    return wrong("request_timeout: must be above 0 and at most 10 minutes");
  }
  if (!(options.renew_at > 0 && options.renew_at < 1)) return wrong("renew_at: must be in (0, 1)");
  if (options.clock == nullptr) return wrong("clock: required");
  if (options.log == nullptr) return wrong("log: required");
  return absl::OkStatus();
}

std::unique_ptr<GrantSource> SourceOf(const CallerOptions& options) {
  AuthRequestsOptions requests;
  requests.auth_server = options.auth_server;
  requests.allow_plaintext = options.allow_plaintext;
  requests.request_timeout = options.request_timeout;
  if (options.service.has_value()) {
    return std::make_unique<ServiceGrantSource>(requests, *options.service, *options.clock);
  }
  return std::make_unique<UserGrantSource>(requests, options.login);
}

TokenKeeperOptions KeeperOptionsOf(const CallerOptions& options) {
  TokenKeeperOptions keeper;
  keeper.renew_at = options.renew_at;
  keeper.request_timeout = options.request_timeout;
  keeper.clock = options.clock;
  keeper.log = options.log;
  return keeper;
}

grpc::ChannelArguments KeptAlive() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  return arguments;
}

class CallerImpl final : public Caller {
 public:
  explicit CallerImpl(const CallerOptions& options)
      : policy_{TokenKeeper::Start(SourceOf(options), KeeperOptionsOf(options)),
                std::make_shared<TokenCarrier>(options.allow_plaintext, options.login.device_id),
                options.wait_limit, absl::OkStatus()} {}
  ~CallerImpl() override { policy_.keeper->Close(); }

  std::shared_ptr<grpc::Channel> CreateChannel(
      const std::string& target,
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) override {
    CallPolicy policy = policy_;
    const bool allowed = policy.carrier->allow_plaintext();
    if (credentials != nullptr && !allowed && IsInsecure(*credentials)) {
      policy.refusal = PlaintextRefused();
    }
    std::vector<std::unique_ptr<Factory>> factories;
    factories.push_back(std::make_unique<TokenInterceptorFactory>(std::move(policy)));
    return grpc::experimental::CreateCustomChannelWithInterceptors(target, credentials, KeptAlive(),
                                                                   std::move(factories));
  }

  std::unique_ptr<Factory> Interceptor() override {
    return std::make_unique<TokenInterceptorFactory>(policy_);
  }

  grpc::Status Retry(const std::function<grpc::Status()>& call) override {
    grpc::Status status = call();
    return IsTokenRefusal(status) ? call() : status;
  }

  absl::Status Logout() override { return policy_.keeper->Logout(); }

 private:
  const CallPolicy policy_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Caller>> Caller::Create(CallerOptions options) {
  const absl::Status checked = Check(options);
  if (!checked.ok()) return checked;
  return std::make_shared<CallerImpl>(options);
}

}  // namespace tessera
