// A gRPC service behind tessera's guard: no call reaches a method below unless orders.proto lets
// its caller in.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <tessera/caller/caller.h>
#include <tessera/guard/guard.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "connection.h"
#include "order_book.h"
#include "orders.grpc.pb.h"

namespace orders {
namespace {

constexpr std::chrono::milliseconds kLookForCancellation{200};
constexpr std::chrono::seconds kDrain{5};
constexpr int kMinPingIntervalMilliseconds = 10'000;  // tessera's callers ping after 20 s

struct Settings {
  std::string listen = "127.0.0.1:50051";
  std::string auth_server = "127.0.0.1:7443";
  std::string ca;
  bool auth_plaintext = false;
  std::string issuer;
  std::string audience = "orders";
  std::string tls_cert, tls_key;
  bool plaintext = false;
  std::string feed_secret_file;
};

class OrderServiceImpl final : public v1::OrderService::Service {
 public:
  explicit OrderServiceImpl(const tessera::Guard& guard) : guard_(guard) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_status("open");
    response->set_orders(book_.Count());
    return grpc::Status::OK;
  }

  grpc::Status ListMyOrders(grpc::ServerContext* context, const v1::ListMyOrdersRequest*,
                            v1::ListMyOrdersResponse* response) override {
    for (const auto& order : book_.OrdersOf(SubjectOf(*context))) *response->add_orders() = order;
    return grpc::Status::OK;
  }

  grpc::Status CancelOrder(grpc::ServerContext*, const v1::CancelOrderRequest* request,
                           v1::CancelOrderResponse* response) override {
    auto order = book_.Cancel(request->order_id());
    if (!order.has_value()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such order");
    *response->mutable_order() = *std::move(order);
    return grpc::Status::OK;
  }

  grpc::Status WatchOrders(grpc::ServerContext* context, const v1::WatchOrdersRequest*,
                           grpc::ServerWriter<v1::WatchOrdersResponse>* writer) override {
    const std::string subject = SubjectOf(*context);
    OrderBook::Point point = 0;
    while (!context->IsCancelled()) {  // the guard cancels the stream when its token is revoked
      auto [orders, next] = book_.ChangesAfter(point, subject, kLookForCancellation);
      point = next;
      for (auto& order : orders) {
        v1::WatchOrdersResponse response;
        *response.mutable_order() = std::move(order);
        if (!writer->Write(response)) return grpc::Status::OK;
      }
    }
    return grpc::Status::OK;
  }

 private:
  // Who is calling, as the verified token says.
  std::string SubjectOf(const grpc::ServerContext& context) const {
    return guard_.PrincipalOf(context)->claims.subject;
  }

  const tessera::Guard& guard_;
  OrderBook book_;
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ToAuthServer(const Settings& settings) {
  if (settings.auth_plaintext) return grpc::InsecureChannelCredentials();
  return Tls(settings.ca);
}

// The identity that reads the feed of revocations: a service account with role tessera.guard, and
// tesserad itself as its audience.
absl::StatusOr<std::shared_ptr<tessera::Caller>> FeedIdentity(
    const Settings& settings, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    tessera::LogSink& log) {
  tessera::CallerOptions options;
  options.auth_server = Connect(settings.auth_server, credentials);
  options.service.emplace();
  options.service->secret = tessera::SecretFromFile(settings.feed_secret_file);
  options.allow_plaintext = settings.auth_plaintext;
  options.log = &log;
  return tessera::Caller::Create(options);
}

absl::StatusOr<std::unique_ptr<tessera::Guard>> MakeGuard(
    const Settings& settings, tessera::Caller& feed,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials, tessera::LogSink& log) {
  tessera::GuardOptions options;
  options.issuer = settings.issuer;
  options.audience = settings.audience;
  options.keys = tessera::KeysFromServer(Connect(settings.auth_server, credentials), {},
                                         tessera::SystemClock(), log);
  options.revocations =
      tessera::RevocationsFromServer(feed.CreateChannel(settings.auth_server, credentials),
                                     tessera::SystemClock(), log, options.keys);
  options.log = &log;
  return tessera::Guard::Create(options);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Listening(const Settings& settings,
                                                                   tessera::Guard& guard) {
  if (settings.plaintext) return guard.Plaintext();
  return guard.Tls({settings.tls_cert, settings.tls_key, ""});
}

void WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
}

absl::Status Serve(const Settings& settings, const sigset_t& signals) {
  StderrLog log;
  const auto credentials = ToAuthServer(settings);
  if (!credentials.ok()) return credentials.status();
  const auto feed = FeedIdentity(settings, *credentials, log);
  if (!feed.ok()) return feed.status();
  const auto guard = MakeGuard(settings, **feed, *credentials, log);
  if (!guard.ok()) return guard.status();
  const auto listening = Listening(settings, **guard);
  if (!listening.ok()) return listening.status();

  OrderServiceImpl service(**guard);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(settings.listen, *listening, &port);
  builder.RegisterService(&service);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMilliseconds);
  const auto server = (*guard)->Start(builder);
  if (!server.ok()) return server.status();
  if (port == 0) return absl::UnavailableError("cannot listen on " + settings.listen);

  const absl::Status ready = (*guard)->WaitUntilReady(absl::Seconds(30));
  if (!ready.ok()) return ready;
  std::cout << "orders.ready port=" << port << std::endl;
  WaitForSignal(signals);
  (*guard)->Drain();
  (*server)->Shutdown(std::chrono::system_clock::now() + kDrain);
  return absl::OkStatus();
}

void Declare(CLI::App& app, Settings& settings) {
  app.add_option("--listen", settings.listen, "address and port; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--auth-server", settings.auth_server, "tesserad")->capture_default_str();
  app.add_option("--ca", settings.ca, "certificates to trust for tesserad (PEM file)");
  app.add_flag("--auth-plaintext", settings.auth_plaintext, "reach tesserad without TLS");
  app.add_option("--issuer", settings.issuer, "`iss` of the tokens")->required();
  app.add_option("--audience", settings.audience, "`aud` of the tokens")->capture_default_str();
  auto* const cert = app.add_option("--tls-cert", settings.tls_cert, "certificate (PEM file)");
  auto* const key = app.add_option("--tls-key", settings.tls_key, "its private key (PEM file)");
  cert->needs(key);
  key->needs(cert);
  app.add_flag("--plaintext", settings.plaintext, "serve without TLS")->excludes(cert);
  app.add_option("--feed-secret-file", settings.feed_secret_file,
                 "the secret of a service account with role tessera.guard")
      ->required();
}

int Main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts

  CLI::App app{"Orders behind tessera's guard: an example"};
  Settings settings;
  Declare(app, settings);
  CLI11_PARSE(app, argc, argv);
  if (!settings.plaintext && settings.tls_cert.empty()) {
    std::cerr << "orders_server: --tls-cert and --tls-key, or --plaintext, are required\n";
    return 2;
  }
  const absl::Status status = Serve(settings, signals);
  if (status.ok()) return 0;
  std::cerr << "orders_server: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace orders

int main(int argc, char** argv) { return orders::Main(argc, argv); }
