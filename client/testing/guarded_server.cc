#include "tessera/testing/guarded_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>

#include <string_view>
#include <utility>

#include "tessera/base/clock.h"
#include "tessera/base/status_macros.h"

namespace tessera::testing {
namespace {

namespace experimental = grpc::experimental;

constexpr std::string_view kUnixScheme = "unix";

class MetadataAdder final : public experimental::Interceptor {
 public:
  explicit MetadataAdder(const MetadataMap& metadata) : metadata_(metadata) {}

  void Intercept(experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->insert(metadata_.begin(), metadata_.end());
    }
    methods->Proceed();
  }

 private:
  const MetadataMap metadata_;
};

class MetadataAdderFactory final : public experimental::ClientInterceptorFactoryInterface {
 public:
  explicit MetadataAdderFactory(MetadataMap metadata) : metadata_(std::move(metadata)) {}

  experimental::Interceptor* CreateClientInterceptor(experimental::ClientRpcInfo*) override {
    return new MetadataAdder(metadata_);
  }

 private:
  const MetadataMap metadata_;
};

// An address that was used before must not bring an old connection's troubles along.
grpc::ChannelArguments OwnConnection() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

bool IsUnixSocket(std::string_view address) {
  return address.substr(0, kUnixScheme.size()) == kUnixScheme;
}

}  // namespace

// Members die from the last to the first: the server before its services and its guard.
struct GuardedServer::Parts {
  std::unique_ptr<Guard> guard;
  std::string address;
  int port = 0;
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials;
  std::vector<std::unique_ptr<grpc::Service>> services;
  grpc::ServerBuilder builder;
  std::unique_ptr<grpc::Server> server;
  std::shared_ptr<grpc::Channel> channel;
  bool stopped = false;
};

GuardedServer::GuardedServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

GuardedServer::~GuardedServer() { Stop(); }

absl::StatusOr<std::unique_ptr<GuardedServer>> GuardedServer::Create(GuardOptions options,
                                                                     ServerPlace place) {
  auto parts = std::make_unique<Parts>();
  TESSERA_ASSIGN_OR_RETURN(parts->guard, Guard::Create(std::move(options)));
  parts->address = place.address;
  parts->channel_credentials = place.channel_credentials != nullptr
                                   ? std::move(place.channel_credentials)
                                   : grpc::InsecureChannelCredentials();
  parts->builder.AddListeningPort(
      parts->address,
      place.credentials != nullptr ? place.credentials(*parts->guard) : parts->guard->Plaintext(),
      &parts->port);
  return std::unique_ptr<GuardedServer>(new GuardedServer(std::move(parts)));
}

Guard& GuardedServer::guard() { return *parts_->guard; }

void GuardedServer::Register(std::unique_ptr<grpc::Service> service) {
  parts_->builder.RegisterService(service.get());
  parts_->services.push_back(std::move(service));
}

grpc::ServerBuilder& GuardedServer::builder() { return parts_->builder; }

absl::Status GuardedServer::Start(
    std::vector<std::unique_ptr<experimental::ServerInterceptorFactoryInterface>> interceptors) {
  TESSERA_ASSIGN_OR_RETURN(parts_->server,
                           parts_->guard->Start(parts_->builder, std::move(interceptors)));
  if (!IsUnixSocket(parts_->address)) {
    const size_t colon = parts_->address.rfind(':');
    parts_->address.replace(colon, std::string::npos, ":" + std::to_string(parts_->port));
  }
  parts_->channel = ChannelWith({});
  return absl::OkStatus();
}

absl::Status GuardedServer::Start() { return Start({}); }

const std::string& GuardedServer::address() const { return parts_->address; }

grpc::Server& GuardedServer::server() { return *parts_->server; }

const std::shared_ptr<grpc::Channel>& GuardedServer::channel() const { return parts_->channel; }

std::shared_ptr<grpc::Channel> GuardedServer::ChannelAs(const std::string& token) const {
  return ChannelWith({{"authorization", "Bearer " + token}});
}

std::shared_ptr<grpc::Channel> GuardedServer::ChannelWith(
    const MetadataMap& metadata,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
  const auto& chosen = credentials != nullptr ? credentials : parts_->channel_credentials;
  if (metadata.empty()) return grpc::CreateCustomChannel(parts_->address, chosen, OwnConnection());
  std::vector<std::unique_ptr<experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<MetadataAdderFactory>(metadata));
  return experimental::CreateCustomChannelWithInterceptors(parts_->address, chosen, OwnConnection(),
                                                           std::move(interceptors));
}

void GuardedServer::Stop(absl::Duration limit) {
  if (parts_->server == nullptr || parts_->stopped) return;
  parts_->stopped = true;
  parts_->guard->Drain();
  parts_->server->Shutdown(absl::ToChronoTime(SystemClock().Now() + limit));
  parts_->server->Wait();
}

}  // namespace tessera::testing
