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
