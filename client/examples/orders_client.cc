// A gRPC client whose calls carry a live token, by tessera's caller.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <tessera/caller/caller.h>
#include <tessera/caller/reason.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include "connection.h"
#include "orders.grpc.pb.h"

namespace orders {
namespace {

constexpr std::chrono::seconds kDeadline{15};
constexpr int kRefused = 1;

struct Settings {
  std::string orders = "127.0.0.1:50051";
  std::string auth_server = "127.0.0.1:7443";
  std::string ca;
  bool plaintext = false;
  bool auth_plaintext = false;
  bool anonymous = false;
  std::string username, password_file;
  std::string audience = "orders";
  std::string order_id;
  int count = 0;
};

void Limit(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
}

void Print(const v1::Order& order) {
  std::cout << order.order_id() << "  " << order.item() << (order.cancelled() ? "  cancelled" : "")
            << std::endl;
}

// The four methods. Each makes its context anew, so that it can be repeated.
class Calls {
 public:
  Calls(const std::shared_ptr<grpc::Channel>& channel, const Settings& settings)
      : stub_(v1::OrderService::NewStub(channel)), settings_(settings) {}

  grpc::Status GetStatus() {
    grpc::ClientContext context;
    Limit(context);
    v1::GetStatusResponse response;
    const grpc::Status status = stub_->GetStatus(&context, {}, &response);
    if (status.ok()) std::cout << response.status() << ", " << response.orders() << " orders\n";
    return status;
  }

  grpc::Status ListMyOrders() {
    grpc::ClientContext context;
    Limit(context);
    v1::ListMyOrdersResponse response;
    const grpc::Status status = stub_->ListMyOrders(&context, {}, &response);
    for (const auto& order : response.orders()) Print(order);
    return status;
  }

  grpc::Status CancelOrder() {
    grpc::ClientContext context;
    Limit(context);
    v1::CancelOrderRequest request;
    request.set_order_id(settings_.order_id);
    v1::CancelOrderResponse response;
    const grpc::Status status = stub_->CancelOrder(&context, request, &response);
    if (status.ok()) Print(response.order());
    return status;
  }

  grpc::Status WatchOrders() {
    grpc::ClientContext context;  // no deadline: until the token ends, or --count is reached
    const auto reader = stub_->WatchOrders(&context, {});
    v1::WatchOrdersResponse response;
    for (int seen = 1; reader->Read(&response); ++seen) {
      Print(response.order());
      if (seen == settings_.count) {
        context.TryCancel();
        reader->Finish();
        return grpc::Status::OK;
      }
    }
    return reader->Finish();
  }

 private:
  const std::unique_ptr<v1::OrderService::Stub> stub_;
  const Settings& settings_;
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const Settings& settings,
                                                                        bool plaintext) {
  if (plaintext) return grpc::InsecureChannelCredentials();
  return Tls(settings.ca);
}

absl::StatusOr<std::shared_ptr<tessera::Caller>> MakeCaller(const Settings& settings) {
  const auto credentials = CredentialsOf(settings, settings.auth_plaintext);
  if (!credentials.ok()) return credentials.status();
  tessera::CallerOptions options;
  options.auth_server = Connect(settings.auth_server, *credentials);
  options.login = {settings.username, PasswordFrom(settings.password_file), settings.audience};
  options.allow_plaintext = settings.plaintext || settings.auth_plaintext;
  return tessera::Caller::Create(options);
}

using Method = grpc::Status (Calls::*)();

// Without a caller: calls carry no token.
absl::StatusOr<grpc::Status> Run(const Settings& settings, Method method) {
  const auto credentials = CredentialsOf(settings, settings.plaintext);
  if (!credentials.ok()) return credentials.status();
  if (settings.anonymous) {
    Calls calls(Connect(settings.orders, *credentials), settings);
    return (calls.*method)();
  }
  const auto caller = MakeCaller(settings);
  if (!caller.ok()) return caller.status();
  Calls calls((*caller)->CreateChannel(settings.orders, *credentials), settings);
  // A token that has just been revoked is replaced, and the call repeated once.
  const grpc::Status status = (*caller)->Retry([&] { return (calls.*method)(); });
  const absl::Status ended = (*caller)->Logout();
  if (!ended.ok()) std::cerr << "orders_client: the session goes on: " << ended << "\n";
  return status;
}

int Report(const absl::StatusOr<grpc::Status>& result) {
  if (!result.ok()) {
    std::cerr << "orders_client: " << result.status() << "\n";
    return kRefused;
  }
  if (result->ok()) return 0;
  const std::string reason = tessera::ReasonOf(*result);
  const auto code = static_cast<absl::StatusCode>(result->error_code());
  std::cerr << "refused: " << code << " reason=" << (reason.empty() ? "none" : reason) << "\n"
            << "  " << result->error_message() << "\n";
  return kRefused;
}

void Declare(CLI::App& app, Settings& settings) {
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--orders", settings.orders, "the orders server")->capture_default_str();
  app.add_option("--auth-server", settings.auth_server, "tesserad")->capture_default_str();
  app.add_option("--ca", settings.ca, "certificates to trust for both servers (PEM file)");
  app.add_flag("--plaintext", settings.plaintext, "reach the orders server without TLS");
  app.add_flag("--auth-plaintext", settings.auth_plaintext, "reach tesserad without TLS");
  app.add_flag("--anonymous", settings.anonymous, "send no token");
  app.add_option("--username", settings.username, "who logs in");
  app.add_option("--password-file", settings.password_file, "the password, as its first line");
  app.add_option("--audience", settings.audience, "the service to log in for")
      ->capture_default_str();
}

int Main(int argc, char** argv) {
  CLI::App app{"Calls the example service; exits with 1 if a call is refused"};
  Settings settings;
  Declare(app, settings);
  Method method = nullptr;
  app.add_subcommand("status", "whether the shop is open: public")->callback([&] {
    method = &Calls::GetStatus;
  });
  app.add_subcommand("list", "my orders: for whoever is signed in")->callback([&] {
    method = &Calls::ListMyOrders;
  });
  auto* const cancel = app.add_subcommand("cancel", "cancel an order: for role orders.admin");
  cancel->add_option("order", settings.order_id, "order-1 ...")->required();
  cancel->callback([&] { method = &Calls::CancelOrder; });
  auto* const watch = app.add_subcommand("watch", "my orders as they change: a stream");
  watch->add_option("--count", settings.count, "stop after so many; 0: never")
      ->capture_default_str();
  watch->callback([&] { method = &Calls::WatchOrders; });
  CLI11_PARSE(app, argc, argv);
  if (!settings.anonymous && (settings.username.empty() || settings.password_file.empty())) {
    std::cerr << "orders_client: --username and --password-file, or --anonymous, are required\n";
    return 2;
  }
  return Report(Run(settings, method));
}

}  // namespace
}  // namespace orders

int main(int argc, char** argv) { return orders::Main(argc, argv); }
