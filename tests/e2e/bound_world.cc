#include "tests/e2e/bound_world.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "orders.grpc.pb.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/reason.h"
#include "tessera/guard/guard.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;

constexpr char kOperator[] = "operator";
constexpr char kByDevice[] = "/orders.v1.OrderService/CancelOrder";

std::string WordFor(const grpc::Status& status) {
  if (status.ok()) return "ACTIVE";
  const std::string reason = ReasonOf(status);
  return reason.empty() ? "NO_ANSWER" : reason;
}

// Each answers with an order whose item is the caller's id.
class PlainOrders final : public pb::OrderService::Service {
 public:
  explicit PlainOrders(const Guard& guard) : guard_(guard) {}

  grpc::Status ListMyOrders(grpc::ServerContext* context, const pb::ListMyOrdersRequest*,
                            pb::ListMyOrdersResponse* response) override {
    response->add_orders()->set_item(guard_.PrincipalOf(*context)->claims.subject);
    return grpc::Status::OK;
  }
  grpc::Status CancelOrder(grpc::ServerContext* context, const pb::CancelOrderRequest*,
                           pb::CancelOrderResponse* response) override {
    response->mutable_order()->set_item(guard_.PrincipalOf(*context)->claims.subject);
    return grpc::Status::OK;
  }

 private:
  const Guard& guard_;
};

std::shared_ptr<Caller> FeedCaller(BoundWorld& world) {
  v1::ServiceAccount account;
  account.set_name("feed");
  account.add_roles("tessera.guard");
  account.add_audiences("tessera");
  CallerOptions options;
  options.auth_server = world.ChannelOf(kOperator);
  options.service.emplace();
  options.service->secret = [secret = world.AddService(account).secret] { return Secret(secret); };
  options.clock = &world.clock();
  return *Caller::Create(options);
}

GuardOptions OptionsFor(BoundWorld& world, Caller& caller) {
  GuardOptions options;
  options.issuer = Tesserad::kIssuer;
  options.audience = "orders";
  options.clock = &world.clock();
  options.keys = KeysFromServer(world.ChannelOf(kOperator), {}, *options.clock, NoLog());
  options.revocations = RevocationsFromServer(
      caller.CreateChannel(world.tesserad().address(), world.CredentialsOf(kOperator)),
      *options.clock, NoLog(), options.keys);
  options.cookie = {BoundWorld::kAccessCookie, {BoundWorld::kOrigin}};
  Rule by_device;
  by_device.admission = Admission::kAuthenticated;
  by_device.device_bound = true;
  options.rules = {{kByDevice, by_device}};
  return options;
}

}  // namespace

// The service; its port knows clients by certificates of the world's authority.
class VerifyingOrders {
 public:
  explicit VerifyingOrders(BoundWorld& world)
      : caller_(FeedCaller(world)),
        guard_(*Guard::Create(OptionsFor(world, *caller_))),
        service_(*guard_) {
    grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
    const Certificate& own = world.tesserad().certificate();
    ssl.pem_key_cert_pairs.push_back({own.key_pem, own.certificate_pem});
    ssl.pem_root_certs = ReadFile(world.authority().path());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", guard_->Ssl(ssl), &port);
    builder.RegisterService(&service_);
    auto server = guard_->Start(builder);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    EXPECT_TRUE(guard_->WaitUntilReady(absl::Seconds(30)).ok());
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~VerifyingOrders() {
    guard_->Drain();
    server_->Shutdown(absl::ToChronoTime(SystemClock().Now() + absl::Seconds(5)));
  }
  const std::string& address() const { return address_; }

 private:
  const std::shared_ptr<Caller> caller_;
  const std::unique_ptr<Guard> guard_;
  PlainOrders service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

BoundWorld::BoundWorld(TestEngine engine) {
  for (const char* name : {"billing", "copy"}) authority_.Sign(name, "DNS:billing.example");
  authority_.Sign("mail", "DNS:mail.example");
  for (const char* name : {"ada", "mallory", kOperator}) authority_.Sign(name);
  if (engine == TestEngine::kMariaDb) database_.emplace(MariaDb::Shared());
  Tesserad::Options options;
  options.transport = Transport::kTls;
  options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                               : std::make_shared<Installation>();
  options.environment = {"TESSERA_SERVER_TLS_CLIENT_CA=" + authority_.path(),
                         "TESSERA_COOKIES_ENABLED=true",
                         absl::StrCat("TESSERA_COOKIES_ALLOWED_ORIGINS=", kOrigin)};
  tesserad_ = std::make_unique<Tesserad>(options);
}

BoundWorld::~BoundWorld() = default;

void BoundWorld::Start() {
  ASSERT_NO_FATAL_FAILURE(tesserad_->Start());
  orders_ = std::make_unique<VerifyingOrders>(*this);
}

std::shared_ptr<grpc::ChannelCredentials> BoundWorld::CredentialsOf(
    const std::string& certificate) const {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tesserad_->certificate().certificate_pem;
  options.pem_cert_chain = folder_.Read(certificate + ".crt");
  options.pem_private_key = folder_.Read(certificate + ".key");
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> BoundWorld::ChannelOf(const std::string& certificate) const {
  return ChannelShowing(*tesserad_, folder_, certificate);
}

std::unique_ptr<v1::AuthService::Stub> BoundWorld::AuthOf(const std::string& certificate) const {
  return v1::AuthService::NewStub(ChannelOf(certificate));
}

std::unique_ptr<v1::UserService::Stub> BoundWorld::UsersOf(const std::string& certificate) const {
  return v1::UserService::NewStub(ChannelOf(certificate));
}

std::unique_ptr<grpc::ClientContext> BoundWorld::AsAdmin() const {
  v1::LoginRequest request;
  request.set_username("admin");
  request.set_password(Tesserad::kAdminPassword);
  v1::LoginResponse response;
  const grpc::Status status = AuthOf(kOperator)->Login(ContextWith({}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return ContextWith({response.grant().access_token()});
}

std::string BoundWorld::AddUser(const std::string& username) const {
  v1::CreateUserRequest request;
  request.mutable_user()->set_username(username);
  request.set_password(kPassword);
  v1::CreateUserResponse response;
  const grpc::Status status = UsersOf(kOperator)->CreateUser(AsAdmin().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.user().id();
}

Tesserad::Service BoundWorld::AddService(const v1::ServiceAccount& account) const {
  v1::CreateServiceAccountRequest request;
  *request.mutable_service_account() = account;
  v1::CreateServiceAccountResponse response;
  const grpc::Status status =
      UsersOf(kOperator)->CreateServiceAccount(AsAdmin().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return {response.service_account().id(), response.secret()};
}

void BoundWorld::DeleteService(const std::string& id) const {
  v1::DeleteServiceAccountRequest request;
  request.set_service_account_id(id);
  v1::DeleteServiceAccountResponse response;
  const grpc::Status status =
      UsersOf(kOperator)->DeleteServiceAccount(AsAdmin().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

std::unique_ptr<grpc::ClientContext> BoundWorld::ContextOf(const Shown& shown) {
  auto context = ContextWith({});
  if (!shown.token.empty()) context->AddMetadata("authorization", "Bearer " + shown.token);
  if (!shown.device.empty()) context->AddMetadata("tessera-device-id", shown.device);
  if (shown.access_cookie.empty() && shown.refresh_cookie.empty()) return context;
  context->AddMetadata("origin", kOrigin);
  context->AddMetadata("x-grpc-web", "1");
  if (!shown.access_cookie.empty()) {
    context->AddMetadata("cookie", absl::StrCat(kAccessCookie, "=", shown.access_cookie));
  }
  if (!shown.refresh_cookie.empty()) {
    context->AddMetadata("cookie", absl::StrCat(kRefreshCookie, "=", shown.refresh_cookie));
  }
  return context;
}

std::string BoundWorld::Validate(const Shown& shown) const {
  Shown beside = shown;  // the token is what is asked about
  beside.token.clear();
  v1::ValidateTokenRequest request;
  request.set_token(shown.token);
  v1::ValidateTokenResponse response;
  const grpc::Status status =
      AuthOf(shown.certificate)->ValidateToken(ContextOf(beside).get(), request, &response);
  if (!status.ok() || response.active()) return WordFor(status);
  return v1::ErrorReason_Name(response.reason()).substr(std::string("ERROR_REASON_").size());
}

std::string BoundWorld::AtTesserad(const Shown& shown) const {
  v1::GetCurrentUserResponse response;
  return WordFor(UsersOf(shown.certificate)->GetCurrentUser(ContextOf(shown).get(), {}, &response));
}

std::string BoundWorld::AtOrders(const Shown& shown) const {
  const auto channel = grpc::CreateChannel(orders_->address(), CredentialsOf(shown.certificate));
  pb::ListMyOrdersResponse response;
  return WordFor(
      pb::OrderService::NewStub(channel)->ListMyOrders(ContextOf(shown).get(), {}, &response));
}

std::string BoundWorld::AtOrdersByDevice(const Shown& shown) const {
  const auto channel = grpc::CreateChannel(orders_->address(), CredentialsOf(shown.certificate));
  pb::CancelOrderResponse response;
  return WordFor(
      pb::OrderService::NewStub(channel)->CancelOrder(ContextOf(shown).get(), {}, &response));
}

const std::string& BoundWorld::orders_address() const { return orders_->address(); }

}  // namespace tessera::testing
