// A service that calls another one on behalf of its own caller, all against a real tesserad: the
// second service sees the user, and the first one as the actor. And what a frozen tesserad costs.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/reason.h"
#include "tests/base/recording_log.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;

constexpr char kPassword[] = "alices password";
constexpr char kForwarded[] = "/orders.v1.OrderService/ListMyOrders";
constexpr absl::Duration kAccessLife = absl::Minutes(15);

// Asks another service for the orders of whoever calls: the first method by its rule has their
// token, the second has not.
class FrontOrders final : public pb::OrderService::Service {
 public:
  FrontOrders(const Guard& guard, Caller& caller) : guard_(guard), caller_(caller) {}

  void AskAt(const std::string& address, const Exchange& exchange) {
    behind_ = pb::OrderService::NewStub(
        caller_.CreateChannel(address, grpc::InsecureChannelCredentials()));
    exchange_ = exchange;
  }
  grpc::Status ListMyOrders(grpc::ServerContext* context, const pb::ListMyOrdersRequest* request,
                            pb::ListMyOrdersResponse* response) override {
    return Ask(*context, *request, response);
  }
  grpc::Status CancelOrder(grpc::ServerContext* context, const pb::CancelOrderRequest*,
                           pb::CancelOrderResponse*) override {
    pb::ListMyOrdersResponse ignored;
    return Ask(*context, {}, &ignored);
  }

 private:
  grpc::Status Ask(const grpc::ServerContextBase& context, const pb::ListMyOrdersRequest& request,
                   pb::ListMyOrdersResponse* response) {
    grpc::ClientContext out;
    out.set_deadline(absl::ToChronoTime(SystemClock().Now() + kSoon));
    out.set_credentials(caller_.OnBehalfOf(guard_.PrincipalOf(context)->token, exchange_));
    return behind_->ListMyOrders(&out, request, response);
  }

  const Guard& guard_;
  Caller& caller_;
  Exchange exchange_;
  std::unique_ptr<pb::OrderService::Stub> behind_;
};

class OnBehalf : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(tesserad_.Start());
    alice_ = tesserad_.AddUser("alice", kPassword);
    AddOrdersAccount();
    billing_ = std::make_unique<GuardedOrders>(tesserad_, Transport::kPlaintext, Api::kCallback,
                                               "billing");
    ASSERT_NO_FATAL_FAILURE(StartFront());
  }
  void TearDown() override {
    if (server_ == nullptr) return;
    guard_->Drain();
    server_->Shutdown(absl::ToChronoTime(SystemClock().Now() + absl::Seconds(5)));
  }

  // It serves `orders`, and may ask tesserad and billing.
  void AddOrdersAccount() {
    v1::CreateServiceAccountRequest request;
    v1::ServiceAccount& account = *request.mutable_service_account();
    account.set_name("orders");
    for (const char* audience : {"tessera", "billing"}) account.add_audiences(audience);
    account.add_served_audiences("orders");
    v1::CreateServiceAccountResponse response;
    const std::string admin = tesserad_.LoginAdmin().access_token();
    const grpc::Status status =
        tesserad_.Users()->CreateServiceAccount(ContextWith({admin}).get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    service_ = response.service_account().id();
    secret_ = response.secret();
  }
  // Requests hang for longer than any call's deadline: a call that waited for one would fail.
  CallerOptions Options() {
    CallerOptions options;
    options.request_timeout = absl::Minutes(10);
    options.wait_limit = absl::Minutes(10);
    options.auth_server = tesserad_.NewChannel();
    options.allow_plaintext = true;
    options.clock = &tesserad_.clock();
    options.log = &log_;
    return options;
  }
  std::shared_ptr<Caller> ServiceCaller(const std::string& audience, const std::string& secret) {
    CallerOptions options = Options();
    options.service.emplace();
    options.service->audience = audience;
    options.service->secret = [secret] { return Secret(secret); };
    return *Caller::Create(options);
  }
  void StartFront() {
    caller_ = ServiceCaller("billing", secret_);
    feed_ = ServiceCaller("", tesserad_.FeedSecret());
    GuardOptions options;
    options.issuer = Tesserad::kIssuer;
    options.audience = "orders";
    options.clock = &tesserad_.clock();
    options.keys = KeysFromServer(tesserad_.NewChannel(), {}, *options.clock, NoLog());
    options.revocations = RevocationsFromServer(
        feed_->CreateChannel(tesserad_.address(), tesserad_.ChannelCredentials()), *options.clock,
        NoLog(), options.keys);
    options.rules[kForwarded].admission = Admission::kAuthenticated;
    options.rules[kForwarded].forwards_token = true;
    options.rules["/orders.v1.OrderService/CancelOrder"].admission = Admission::kAuthenticated;
    guard_ = *Guard::Create(options);
    front_ = std::make_unique<FrontOrders>(*guard_, *caller_);
    front_->AskAt(billing_->address(), {"billing"});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext(), &port);
    builder.RegisterService(front_.get());
    auto server = guard_->Start(builder);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(guard_->WaitUntilReady(kSoon).ok());
    CallAsAlice(absl::StrCat("127.0.0.1:", port));
  }
  void CallAsAlice(const std::string& address) {
    CallerOptions options = Options();
    options.login = {"alice", [] { return Secret(kPassword); }, "orders"};
    alices_ = *Caller::Create(options);
    stub_ = pb::OrderService::NewStub(
        alices_->CreateChannel(address, grpc::InsecureChannelCredentials()));
  }
  // Whom the last handler saw, or the reason of the refusal.
  std::string Ask() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + kSoon));
    pb::ListMyOrdersResponse response;
    const grpc::Status status = stub_->ListMyOrders(&context, {}, &response);
    return status.ok() ? response.orders(0).item() : ReasonOf(status);
  }
  int Count(const std::string& text) const {
    const std::string all = log_.text();
    int count = 0;
    for (size_t at = all.find(text); at != all.npos; at = all.find(text, at + 1)) ++count;
    return count;
  }

  RecordingLog log_;
  Tesserad tesserad_{Tesserad::Options()};
  std::string alice_, service_, secret_;
  std::unique_ptr<GuardedOrders> billing_;
  std::shared_ptr<Caller> caller_, feed_, alices_;
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<FrontOrders> front_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<pb::OrderService::Stub> stub_;
};

TEST_F(OnBehalf, TheSecondServiceSeesTheUserByATokenThatIsExchangedOnce) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask(), alice_);
  EXPECT_EQ(Count("caller.exchange.done"), 1);
  EXPECT_EQ(billing_->entries(), 5);
}

TEST_F(OnBehalf, ATokenThatIsSentOnIsGoodWhereItsAudienceIs) {
  front_->AskAt(billing_->address(), {});
  EXPECT_EQ(Ask(), "TOKEN_AUDIENCE");
  GuardedOrders stock(tesserad_, Transport::kPlaintext, Api::kCallback, "orders");
  front_->AskAt(stock.address(), {});
  EXPECT_EQ(Ask(), alice_);
  EXPECT_EQ(Count("caller.exchange"), 0);
}

TEST_F(OnBehalf, AnAudienceThatTheAccountMayNotAskForIsRefused) {
  front_->AskAt(billing_->address(), {"stock"});
  const std::string reason = Ask();
  EXPECT_NE(reason, alice_);
  EXPECT_EQ(Count("caller.exchange.failed"), 1) << reason;
  EXPECT_EQ(billing_->entries(), 0);
}

TEST_F(OnBehalf, AMethodWhoseRuleForwardsNoTokenCallsForNobody) {
  grpc::ClientContext context;
  pb::CancelOrderResponse response;
  const grpc::Status status = stub_->CancelOrder(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "NO_KEPT_TOKEN");
  EXPECT_EQ(billing_->entries(), 0) << "and not as the service itself";
}

TEST_F(OnBehalf, AFrozenTesseradDelaysNoCallWhoseTokensLive) {
  ASSERT_EQ(Ask(), alice_);
  tesserad_.program().Pause();
  const int requests = Count("caller.request") + Count("caller.exchange");
  // From the first call on her renewal is due, and hangs.
  tesserad_.clock().Advance(kAccessLife * 0.9);
  std::string seen = alice_;
  for (int call = 0; call < 100 && seen == alice_; ++call) {
    if (call % 10 == 0) tesserad_.clock().Advance(absl::Seconds(1));
    seen = Ask();
  }
  EXPECT_EQ(seen, alice_);
  EXPECT_EQ(Count("caller.request") + Count("caller.exchange"), requests) << "nothing was answered";
  tesserad_.program().Signal(SIGCONT);
  EXPECT_TRUE(Within(kSoon, [&] { return Count("caller.request") > requests; }))
      << "no renewal was under way";
}

}  // namespace
}  // namespace tessera::testing
