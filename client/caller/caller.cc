#include "tessera/caller/caller.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/base/status_macros.h"
#include "tessera/caller/delegation.h"
#include "tessera/caller/keeper_options.h"
#include "tessera/caller/on_behalf.h"
#include "tessera/caller/service_grant_source.h"
#include "tessera/caller/token_interceptor.h"
#include "tessera/caller/token_keeper.h"
#include "tessera/caller/token_plugin.h"
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
  const AuthRequestsOptions requests = RequestsOptionsOf(options);
  if (options.service.has_value()) {
    return std::make_unique<ServiceGrantSource>(requests, *options.service, *options.clock);
  }
  return std::make_unique<UserGrantSource>(requests, options.login);
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
      : keeper_(TokenKeeper::Start(SourceOf(options), KeeperOptionsOf(options))),
        device_id_(options.login.device_id),
        policy_{keeper_, std::make_shared<TokenCarrier>(options.allow_plaintext, device_id_),
                options.wait_limit, absl::OkStatus()},
        on_behalf_(options, keeper_) {}
  ~CallerImpl() override {
    keeper_->Close();
    on_behalf_.Close();
  }

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

  std::shared_ptr<grpc::CallCredentials> OnBehalfOf(std::shared_ptr<const KeptToken> subject,
                                                    const Exchange& exchange) override {
    return CredentialsFor(on_behalf_.SupplyFor(std::move(subject), exchange));
  }

  std::shared_ptr<grpc::CallCredentials> CallCredentials() override {
    MutexLock lock(mu_);
    if (credentials_ == nullptr) {
      credentials_ = PluginCredentials({keeper_, device_id_, policy_.wait_limit});
    }
    return credentials_;
  }

  grpc::Status Retry(const std::function<grpc::Status()>& call) override {
    grpc::Status status = call();
    return IsTokenRefusal(status) ? call() : status;
  }

  absl::Status Logout() override { return keeper_->Logout(); }

 private:
  const std::shared_ptr<TokenKeeper> keeper_;
  const Secret device_id_;
  const CallPolicy policy_;
  OnBehalf on_behalf_;
  Mutex mu_;
  std::shared_ptr<grpc::CallCredentials> credentials_ ABSL_GUARDED_BY(mu_);  // null: none yet
};

}  // namespace

absl::StatusOr<std::shared_ptr<Caller>> Caller::Create(CallerOptions options) {
  const absl::Status checked = Check(options);
  if (!checked.ok()) return checked;
  return std::make_shared<CallerImpl>(options);
}

}  // namespace tessera
