// A running stream ends with UNAUTHENTICATED when its token expires or is revoked.
#include <gtest/gtest.h>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

// A bidirectional stream that has exchanged one message.
class OpenChat {
 public:
  OpenChat(World& world, const std::string& token) {
    for (const auto& [key, value] : BearerOf(token)) context_.AddMetadata(key, value);
    stream_ = world.stub().Chat(&context_);
    EXPECT_TRUE(Exchange());
  }
  bool Exchange() {
    echo::EchoRequest request;
    request.set_text("x");
    echo::EchoResponse response;
    return stream_->Write(request) && stream_->Read(&response);
  }
  // Waits for the end that somebody else makes.
  grpc::Status End() {
    echo::EchoResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }
  grpc::Status Close() {
    stream_->WritesDone();
    return End();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<echo::EchoRequest, echo::EchoResponse>> stream_;
};

class Streams : public ::testing::TestWithParam<std::tuple<Transport, Api>> {
 protected:
  Streams() : world_(Options()) {}
  static World::Options Options() {
    World::Options options;
    options.transport = std::get<0>(GetParam());
    options.api = std::get<1>(GetParam());
    return options;
  }
  World world_;
};

TEST_P(Streams, AreCutWhenTheirTokenIsRevokedAndOthersGoOn) {
  OpenChat victim(world_, world_.TokenOf("usr_a"));
  OpenChat other(world_, world_.TokenOf("usr_b"));
  const absl::Duration start = SystemClock().Monotonic();
  world_.view->Merge({Revoked(RevokedThing::kSession, "ses_usr_a", world_.clock.Now())});
  const grpc::Status status = victim.End();
  EXPECT_LT(SystemClock().Monotonic() - start, absl::Seconds(2));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "TOKEN_REVOKED") << status.error_message();
  EXPECT_TRUE(other.Exchange());
  EXPECT_TRUE(other.Close().ok());
}

TEST_P(Streams, AreCutWhenTheirTokenExpiresWithTheLeeway) {
  OpenChat old(world_, world_.TokenOf("usr_a"));
  world_.clock.Advance(absl::Minutes(10));
  OpenChat young(world_, world_.TokenOf("usr_b"));
  world_.clock.Advance(absl::Minutes(5) + absl::Seconds(4));
  EXPECT_TRUE(old.Exchange());
  world_.clock.Advance(absl::Seconds(1));
  const grpc::Status status = old.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "TOKEN_EXPIRED") << status.error_message();
  EXPECT_TRUE(young.Exchange());
  EXPECT_TRUE(young.Close().ok());
}

TEST_P(Streams, AllOfAUserAreCutAtOnce) {
  std::vector<std::unique_ptr<OpenChat>> chats;
  for (int i = 0; i < 20; ++i) {
    chats.push_back(std::make_unique<OpenChat>(world_, world_.TokenOf("usr_a")));
  }
  world_.view->Merge({Revoked(RevokedThing::kUser, "usr_a", world_.clock.Now(), 2)});
  for (const auto& chat : chats) {
    EXPECT_EQ(chat->End().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
}

constexpr char kChat[] = "/tessera.test.guard.Echo/Chat";

// Chat by a policy of its own.
class StreamPolicies : public ::testing::TestWithParam<Api> {
 protected:
  World& Make(StreamPolicy policy, absl::Duration grace = absl::ZeroDuration()) {
    World::Options options;
    options.api = GetParam();
    options.adjust = [=](GuardOptions& guard) {
      Rule rule;
      rule.admission = Admission::kAuthenticated;
      rule.stream = policy;
      rule.stream_grace = grace;
      guard.rules[kChat] = rule;
    };
    world_ = std::make_unique<World>(options);
    return *world_;
  }
  void RevokeSession(const std::string& session) {
    world_->view->Merge({Revoked(RevokedThing::kSession, session, world_->clock.Now())});
  }
  std::unique_ptr<World> world_;
};

TEST_P(StreamPolicies, AfterItsGraceARevokedStreamIsCutAndUntilThenItGoesOn) {
  World& world = Make(StreamPolicy::kAfterGrace, absl::Seconds(30));
  OpenChat victim(world, world.TokenOf("usr_a"));
  OpenChat other(world, world.TokenOf("usr_b"));
  RevokeSession("ses_usr_a");
  EXPECT_TRUE(victim.Exchange());
  ASSERT_TRUE(Eventually([&] { return world.guard().Metrics().streams_in_grace == 1; }));
  world.clock.Advance(absl::Seconds(29));
  EXPECT_TRUE(victim.Exchange());
  EXPECT_EQ(ReasonIn(world.Call(Shape::kUnary, BearerOf(world.TokenOf("usr_a"))).status),
            "TOKEN_REVOKED");
  world.clock.Advance(absl::Seconds(1));
  const grpc::Status status = victim.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "TOKEN_REVOKED") << status.error_message();
  EXPECT_TRUE(other.Exchange());
  EXPECT_TRUE(other.Close().ok());
}

TEST_P(StreamPolicies, AfterItsGraceAnExpiredStreamIsCutAndUntilThenItGoesOn) {
  World& world = Make(StreamPolicy::kAfterGrace, absl::Seconds(30));
  OpenChat chat(world, world.TokenOf("usr_a"));
  world.clock.Advance(absl::Minutes(15) + absl::Seconds(5 + 29));
  EXPECT_TRUE(chat.Exchange());
  world.clock.Advance(absl::Seconds(1));
  const grpc::Status status = chat.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "TOKEN_EXPIRED") << status.error_message();
}

// A second revocation begins no second grace.
TEST_P(StreamPolicies, AGraceIsCountedFromTheFirstRevocation) {
  World& world = Make(StreamPolicy::kAfterGrace, absl::Seconds(30));
  OpenChat chat(world, world.TokenOf("usr_a"));
  RevokeSession("ses_usr_a");
  ASSERT_TRUE(Eventually([&] { return world.guard().Metrics().streams_in_grace == 1; }));
  world.clock.Advance(absl::Seconds(20));
  world.view->Merge({Revoked(RevokedThing::kToken, "tok_usr_a", world.clock.Now())});
  world.clock.Advance(absl::Seconds(10));
  EXPECT_EQ(ReasonIn(chat.End()), "TOKEN_REVOKED");
}

TEST_P(StreamPolicies, NeverMeansThatTheAdmissionWasTheLastCheck) {
  World& world = Make(StreamPolicy::kNever);
  const std::string token = world.TokenOf("usr_a");
  OpenChat chat(world, token);
  EXPECT_EQ(world.guard().Metrics().streams, 0u);  // nobody watches it
  RevokeSession("ses_usr_a");
  world.clock.Advance(absl::Hours(10));
  EXPECT_TRUE(chat.Exchange());
  EXPECT_EQ(ReasonIn(world.Call(Shape::kBidi, BearerOf(token)).status), "TOKEN_EXPIRED");
  EXPECT_TRUE(chat.Exchange());
  EXPECT_TRUE(chat.Close().ok());
}

INSTANTIATE_TEST_SUITE_P(Apis, StreamPolicies, ::testing::Values(Api::kSync, Api::kCallback),
                         [](const auto& one) {
                           return one.param == Api::kSync ? "Sync" : "Callback";
                         });

INSTANTIATE_TEST_SUITE_P(
    Everywhere, Streams,
    ::testing::Combine(::testing::Values(Transport::kPlaintext, Transport::kSsl),
                       ::testing::Values(Api::kSync, Api::kCallback)),
    [](const auto& one) {
      return std::string(std::get<0>(one.param) == Transport::kSsl ? "Ssl" : "Plaintext") +
             (std::get<1>(one.param) == Api::kSync ? "Sync" : "Callback");
    });

}  // namespace
}  // namespace tessera::testing
