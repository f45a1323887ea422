// Who calls is told for every call anew, whatever an earlier call left behind.
#include "tessera/guard/interceptor.h"

#include <gtest/gtest.h>

#include <utility>

#include "tessera/guard/known_token.h"
#include "tests/guard/echo_services.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

std::shared_ptr<const Principal> Mallory() {
  auto principal = std::make_shared<Principal>();
  principal->kind = PrincipalKind::kUser;
  principal->claims.subject = "usr_mallory";
  return principal;
}

// Leaves a principal at the context of each call, as a call would that had the same address before
// and has not quite ended.
class LeftBehind final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit LeftBehind(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    core_->principals().Pin(info->server_context(), this, Mallory());
    return nullptr;
  }

 private:
  const std::shared_ptr<Core> core_;
};

// Keeps whom it saw calling.
class Witness final : public echo::Echo::Service {
 public:
  explicit Witness(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  grpc::Status Open(grpc::ServerContext* context, const echo::EchoRequest*,
                    echo::EchoResponse*) override {
    return Look(*context);
  }
  grpc::Status Say(grpc::ServerContext* context, const echo::EchoRequest*,
                   echo::EchoResponse*) override {
    return Look(*context);
  }
  std::vector<std::shared_ptr<const Principal>> seen() const {
    MutexLock lock(mu_);
    return seen_;
  }

 private:
  grpc::Status Look(const grpc::ServerContext& context) {
    auto principal = core_->principals().Find(&context);
    MutexLock lock(mu_);
    // As Guard::PrincipalOf has it.
    seen_.push_back(principal != nullptr ? std::move(principal) : AnonymousPrincipal());
    return grpc::Status::OK;
  }

  const std::shared_ptr<Core> core_;
  mutable Mutex mu_;
  std::vector<std::shared_ptr<const Principal>> seen_ ABSL_GUARDED_BY(mu_);
};

class InterceptorTest : public ::testing::Test {
 protected:
  InterceptorTest() {
    core_->Open(*RuleBook::Make({"/tessera.test.guard.Echo/Say", "/tessera.test.guard.Echo/Open"},
                                {}, ReflectionAccess::kOff));
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
    creators.push_back(std::make_unique<LeftBehind>(core_));
    creators.push_back(std::make_unique<InterceptorFactory>(core_));
    grpc::ServerBuilder builder;
    builder.RegisterService(&witness_);
    builder.experimental().SetInterceptorCreators(std::move(creators));
    server_ = builder.BuildAndStart();
    // The one road past the processor: so a call reaches the interceptor that it has to refuse.
    stub_ = echo::Echo::NewStub(server_->InProcessChannel({}));
  }
  ~InterceptorTest() override {
    server_->Shutdown();
    server_->Wait();
    core_->Close();
  }

  GuardOptions Options() {
    GuardOptions options;
    options.issuer = kIssuer;
    options.audience = kAudience;
    options.keys = KeysInHand(SetOf({key_}));
    options.revocations = WithoutRevocations();
    options.clock = &clock_;
    return options;
  }
  void ExpectSeen(PrincipalKind kind, const std::string& subject) {
    ASSERT_TRUE(Eventually([&] { return witness_.seen().size() == 1; }));
    EXPECT_EQ(witness_.seen()[0]->kind, kind);
    EXPECT_EQ(witness_.seen()[0]->claims.subject, subject);
  }

  FakeClock clock_;
  const SigningKey key_ = NewKey();
  const std::shared_ptr<Core> core_ = std::make_shared<Core>(
      Options(), *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)}));
  Witness witness_{core_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<echo::Echo::Stub> stub_;
  grpc::ClientContext context_;
  echo::EchoResponse response_;
};

TEST_F(InterceptorTest, APublicCallAtTheAddressOfAnotherIsAnonymous) {
  EXPECT_TRUE(stub_->Open(&context_, {}, &response_).ok());
  ExpectSeen(PrincipalKind::kAnonymous, "");
}

TEST_F(InterceptorTest, APublicCallWithATokenIsAnonymousToo) {
  context_.AddMetadata("authorization", "Bearer " + Sign(ClaimsFor("usr_a", clock_.Now()), key_));
  EXPECT_TRUE(stub_->Open(&context_, {}, &response_).ok());
  ExpectSeen(PrincipalKind::kAnonymous, "");
}

TEST_F(InterceptorTest, ARefusedCallAtTheAddressOfAnotherIsCancelledAndAnonymous) {
  const grpc::Status status = stub_->Say(&context_, {}, &response_);
  EXPECT_EQ(ReasonIn(status), "TOKEN_MISSING");
  ExpectSeen(PrincipalKind::kAnonymous, "");
}

TEST_F(InterceptorTest, AnAdmittedCallAtTheAddressOfAnotherIsItsOwn) {
  context_.AddMetadata("authorization", "Bearer " + Sign(ClaimsFor("usr_a", clock_.Now()), key_));
  EXPECT_TRUE(stub_->Say(&context_, {}, &response_).ok());
  ExpectSeen(PrincipalKind::kUser, "usr_a");
}

}  // namespace
}  // namespace tessera::guard
