// What Prometheus reads of a guard, as text.
#include "tessera/guard_prometheus/guard_collector.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "echo.grpc.pb.h"
#include "tessera/testing/fake_issuer.h"
#include "tessera/testing/guarded_server.h"
#include "tests/guard/call.h"

namespace tessera::testing {
namespace {

namespace echo = tessera::test::guard;
using ::testing::HasSubstr;
using ::testing::Not;

class QuietEcho final : public echo::Echo::Service {
  grpc::Status Say(grpc::ServerContext*, const echo::EchoRequest*, echo::EchoResponse*) override {
    return grpc::Status::OK;
  }
};

class GuardCollectorTest : public ::testing::Test {
 protected:
  explicit GuardCollectorTest(bool revocations = true) {
    GuardOptions options = issuer_.MakeGuardOptions();
    if (!revocations) options.revocations = WithoutRevocations();
    server_ = *GuardedServer::Create(std::move(options));
    server_->Register(std::make_unique<QuietEcho>());
    EXPECT_TRUE(server_->Start().ok());
    collector_ = MakeGuardCollector(server_->guard());
  }
  void Say(const std::string& token) {
    const auto stub =
        echo::Echo::NewStub(token.empty() ? server_->channel() : server_->ChannelAs(token));
    grpc::ClientContext context;
    echo::EchoResponse response;
    stub->Say(&context, echo::EchoRequest(), &response);
  }
  std::string Scrape() const {
    return prometheus::TextSerializer().Serialize(collector_->Collect());
  }

  FakeIssuer issuer_;
  std::unique_ptr<GuardedServer> server_;
  std::shared_ptr<prometheus::Collectable> collector_;
};

TEST_F(GuardCollectorTest, DecisionsCarryMethodCodeAndReason) {
  Say("");
  Say(issuer_.Token("usr_a"));
  Say(issuer_.Token("usr_b"));
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("# TYPE tessera_guard_decisions_total counter\n"));
  EXPECT_THAT(text,
              HasSubstr("tessera_guard_decisions_total{method=\"/tessera.test.guard.Echo/Say\","
                        "code=\"OK\",reason=\"\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("tessera_guard_decisions_total{method=\"/tessera.test.guard.Echo/Say\","
                        "code=\"UNAUTHENTICATED\",reason=\"TOKEN_MISSING\"} 1\n"));
}

TEST_F(GuardCollectorTest, CallersCannotMakeLabels) {
  for (int i = 0; i < 5; ++i)
    CallPath(server_->channel(), "/evil.Service/label" + std::to_string(i), {});
  const std::string text = Scrape();
  EXPECT_THAT(text, Not(HasSubstr("evil")));
  EXPECT_THAT(text, HasSubstr("tessera_guard_decisions_total{method=\"\",code=\"UNIMPLEMENTED\","
                              "reason=\"\"} 5\n"));
}

TEST_F(GuardCollectorTest, TellsHowTheGuardStands) {
  Say(issuer_.Token("usr_a"));
  issuer_.clock().Advance(absl::Seconds(3));
  const std::string text = Scrape();
  for (const char* line : {"tessera_guard_keys 1\n", "tessera_guard_revocations_age_seconds 3\n",
                           "tessera_guard_revocations 0\n", "tessera_guard_cache_hits_total 0\n",
                           "tessera_guard_cache_misses_total 1\n", "tessera_guard_cache_tokens 1\n",
                           "tessera_guard_parked_calls 0\n", "tessera_guard_streams 0\n",
                           "tessera_guard_streams_cut_total{reason=\"TOKEN_REVOKED\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

class WithoutRevocationsTest : public GuardCollectorTest {
 protected:
  WithoutRevocationsTest() : GuardCollectorTest(false) {}
};

// An age would look like a list that is never old.
TEST_F(WithoutRevocationsTest, HasNoAgeOfThem) {
  EXPECT_THAT(Scrape(), Not(HasSubstr("tessera_guard_revocations")));
}

}  // namespace
}  // namespace tessera::testing
