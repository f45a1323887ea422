// Where the rule says so, a principal keeps its call's token; nowhere else, and never in a header.
#include <gtest/gtest.h>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

constexpr char kSay[] = "/tessera.test.guard.Echo/Say";

// Keeps the principals of its calls.
class Keeping final : public echo::Echo::Service {
 public:
  explicit Keeping(const Guard& guard) : guard_(guard) {}
  grpc::Status Say(grpc::ServerContext* context, const echo::EchoRequest*,
                   echo::EchoResponse*) override {
    return Keep(*context);
  }
  grpc::Status AdminSay(grpc::ServerContext* context, const echo::EchoRequest*,
                        echo::EchoResponse*) override {
    return Keep(*context);
  }
  grpc::Status Open(grpc::ServerContext* context, const echo::EchoRequest*,
                    echo::EchoResponse*) override {
    return Keep(*context);
  }
  std::shared_ptr<const Principal> last;
  bool saw_token = false;

 private:
  grpc::Status Keep(const grpc::ServerContext& context) {
    last = guard_.PrincipalOf(context);
    saw_token = context.client_metadata().count("authorization") > 0;
    return grpc::Status::OK;
  }
  const Guard& guard_;
};

class ForwardedToken : public ::testing::Test {
 protected:
  ForwardedToken() {
    GuardOptions options;
    options.issuer = kIssuer;
    options.audience = kAudience;
    options.keys = KeysInHand(SetOf({key_}));
    options.revocations = WithoutRevocations();
    options.clock = &clock_;
    Rule forwarding;
    forwarding.admission = Admission::kAuthenticated;
    forwarding.forwards_token = true;
    options.rules = {{kSay, forwarding}};
    guard_ = *Guard::Create(std::move(options));
    service_ = std::make_unique<Keeping>(*guard_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext(), &port);
    builder.RegisterService(service_.get());
    server_ = *guard_->Start(builder);
    stub_ = echo::Echo::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                    grpc::InsecureChannelCredentials()));
  }
  ~ForwardedToken() override { server_->Shutdown(); }

  std::string TokenOf(const std::string& subject) const {
    Claims claims = ClaimsFor(subject, clock_.Now());
    claims.roles = {"echo.admin"};
    return Sign(claims, key_);
  }

  FakeClock clock_;
  const SigningKey key_ = NewKey();
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<Keeping> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<echo::Echo::Stub> stub_;
};

TEST_F(ForwardedToken, IsTheCallsOwnAndInNoHeader) {
  for (const char* subject : {"usr_a", "usr_b", "usr_a"}) {
    const std::string token = TokenOf(subject);
    ASSERT_TRUE(CallOver(*stub_, Shape::kUnary, BearerOf(token)).status.ok());
    const auto principal = service_->last;
    EXPECT_EQ(principal->subject(), subject);
    ASSERT_NE(principal->token, nullptr);
    EXPECT_EQ(principal->token->access_token.Reveal(), token);
    EXPECT_EQ(principal->token->expires_at, clock_.Now() + absl::Minutes(15));
    EXPECT_FALSE(service_->saw_token);
  }
}

TEST_F(ForwardedToken, IsNotKeptWhereTheRuleDoesNotSaySoThoughTheTokenIsKnown) {
  const Headers headers = BearerOf(TokenOf("usr_a"));
  ASSERT_TRUE(CallOver(*stub_, Shape::kUnary, headers).status.ok());
  ASSERT_TRUE(CallOver(*stub_, Shape::kUnary, headers, true).status.ok());
  EXPECT_EQ(service_->last->subject(), "usr_a");
  EXPECT_EQ(service_->last->token, nullptr);
  grpc::ClientContext context;
  context.AddMetadata(headers[0].first, headers[0].second);
  echo::EchoResponse response;
  ASSERT_TRUE(stub_->Open(&context, echo::EchoRequest(), &response).ok());
  EXPECT_EQ(service_->last->token, nullptr);
}

}  // namespace
}  // namespace tessera::testing
