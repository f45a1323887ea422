// The caller's token on channels that the caller did not make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/caller/caller_fixture.h"

namespace tessera {
namespace {

using grpc::StatusCode;
using ::testing::ElementsAre;
using testing::RunningServer;

class CallCredentialsTest : public testing::CallerTest {
 protected:
  CallCredentialsTest() {
    grpc::SslServerCredentialsOptions server;
    server.pem_key_cert_pairs.push_back({own_.key, own_.certificate});
    tls_target_ = std::make_unique<RunningServer>(std::vector<grpc::Service*>{&unary_},
                                                  SslServerCredentials(server));
    tls_ = grpc::SslCredentials({own_.certificate, "", ""});
  }
  void StartForeign() {
    Start();
    channel_ = grpc::CreateChannel(tls_target_->address(), grpc::CompositeChannelCredentials(
                                                               tls_, caller_->CallCredentials()));
  }
  void ExpectUnavailable(const grpc::Status& status, const std::string& reason) {
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << status.error_message();
    EXPECT_EQ(ReasonOf(status), reason) << status.error_message();
    EXPECT_EQ(calls_.calls(), 0);
  }

  testing::TestCertificate own_ = testing::TestCertificate::Make();
  std::shared_ptr<grpc::ChannelCredentials> tls_;
  std::unique_ptr<RunningServer> tls_target_;
};

TEST_F(CallCredentialsTest, EachCallCarriesTheLiveToken) {
  options_.login.device_id = Secret("the-device-id-of-this-machine");
  StartForeign();
  EXPECT_TRUE(Call().ok());
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(calls_.device(), "the-device-id-of-this-machine");
  clock_.Advance(absl::Minutes(15));
  EXPECT_TRUE(Call().ok());
  EXPECT_THAT(calls_.tokens(),
              ElementsAre("Bearer access-1", "Bearer access-1", "Bearer access-2"));
}

TEST_F(CallCredentialsTest, AReasonIsInTheMessageOfUnavailable) {
  auth_.JudgeLogins([] { return grpc::Status(StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: x"); });
  StartForeign();
  ExpectUnavailable(Call(), "BAD_CREDENTIALS");
}

TEST_F(CallCredentialsTest, TheWaitLimitEndsTheWait) {
  auth_.gate.Shut();
  options_.wait_limit = absl::Milliseconds(100);
  StartForeign();
  ExpectUnavailable(Call(), "AUTH_SERVER_UNAVAILABLE");
}

TEST_F(CallCredentialsTest, DestructionEndsTheWaitAndLaterCallsFail) {
  auth_.gate.Shut();
  StartForeign();
  std::thread call([this] { ExpectUnavailable(Call(), "CALLER_CLOSED"); });
  ASSERT_TRUE(auth_.logins.WaitFor(1));
  caller_.reset();
  call.join();
  ExpectUnavailable(Call(), "CALLER_CLOSED");
}

TEST_F(CallCredentialsTest, TheTokenStaysOffAConnectionWithoutTls) {
  Start();  // with allow_plaintext, which says nothing here
  channel_ = grpc::CreateChannel(target_.address(), grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  context.set_credentials(caller_->CallCredentials());
  EXPECT_FALSE(CallWith(context).ok());
  RunningServer local({&unary_}, grpc::experimental::LocalServerCredentials(LOCAL_TCP));
  channel_ = grpc::CreateChannel(local.address(), grpc::experimental::LocalCredentials(LOCAL_TCP));
  grpc::ClientContext another;
  another.set_credentials(caller_->CallCredentials());
  ExpectUnavailable(CallWith(another), "PLAINTEXT_CHANNEL");
}

TEST_F(CallCredentialsTest, OneObjectServesAllCalls) {
  Start();
  EXPECT_EQ(caller_->CallCredentials(), caller_->CallCredentials());
}

}  // namespace
}  // namespace tessera
