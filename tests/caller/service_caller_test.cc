// Calls as a service account, and as a user on a device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tessera/token/jwk_set.h"
#include "tessera/token/key.h"
#include "tests/base/temporary_folder.h"
#include "tests/caller/caller_fixture.h"

namespace tessera {
namespace {

using testing::CallerTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "tss_a-service-accounts-secret";
constexpr char kDevice[] = "the-device-id-of-this-machine";

class ServiceCallerTest : public CallerTest {
 protected:
  ServiceCallerTest() {
    options_.login = {};
    options_.service.emplace();
    options_.service->audience = "orders";
  }
  void StartWithSecret() {
    options_.service->secret = [] { return Secret(kSecret); };
    Start();
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ServiceCallerTest, CallsCarryATokenThatTheSecretBrought) {
  options_.service->scopes = {"read", "write"};
  StartWithSecret();
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
  EXPECT_EQ(auth_.last_issue().secret(), kSecret);
  EXPECT_EQ(auth_.last_issue().audience(), "orders");
  EXPECT_THAT(auth_.last_issue().scopes(), ElementsAre("read", "write"));
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(auth_.issues.value(), 1);
  EXPECT_EQ(auth_.logins.value(), 0);
  EXPECT_EQ(calls_.device(), "");
}

TEST_F(ServiceCallerTest, ANewTokenIsAskedForBeforeTheOldOneEndsAndNoCallWaits) {
  StartWithSecret();
  ASSERT_TRUE(Call().ok());
  clock_.Advance(absl::Minutes(15) * 0.8);
  auth_.gate.Shut();
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
  ASSERT_TRUE(auth_.issues.WaitFor(2));
  auth_.gate.Open();
  clock_.Advance(absl::Minutes(15) * 0.2);
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-2");
  EXPECT_EQ(auth_.renewals.value(), 0);
}

// A secret that is rotated in its file is taken without a restart.
TEST_F(ServiceCallerTest, ASecretFileIsReadAgainEachTime) {
  const std::string path = folder_.Write("secret", "tss_first\n");
  options_.service->secret = SecretFromFile(path);
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(auth_.last_issue().secret(), "tss_first");
  folder_.Write("secret", "tss_second\n");
  clock_.Advance(absl::Minutes(15));
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(auth_.last_issue().secret(), "tss_second");
}

TEST_F(ServiceCallerTest, AKubernetesTokenIsReadAgainEachTime) {
  options_.service->kubernetes_token_file = folder_.Write("token", "first.kubernetes.token");
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(auth_.last_issue().kubernetes_token(), "first.kubernetes.token");
  folder_.Write("token", "second.kubernetes.token");
  clock_.Advance(absl::Minutes(15));
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(auth_.last_issue().kubernetes_token(), "second.kubernetes.token");
}

TEST_F(ServiceCallerTest, EachAssertionIsNewAndOfTheAccountsKey) {
  const SigningKey key = *SigningKey::Generate(Algorithm::kEdDsa);
  const std::string path = folder_.Write("key.jwk", std::string(key.ToPrivateJwk().Reveal()));
  options_.service->assertion = AssertionKey{"svc_1", path, "https://auth.test"};
  Start();
  ASSERT_TRUE(Call().ok());
  const std::string first = auth_.last_issue().assertion();
  const size_t last_dot = first.rfind('.');
  EXPECT_EQ(std::count(first.begin(), first.end(), '.'), 2);
  EXPECT_NE(last_dot, first.npos);
  clock_.Advance(absl::Minutes(15));
  ASSERT_TRUE(Call().ok());
  EXPECT_NE(auth_.last_issue().assertion(), first);
  // What is signed never leaves the key's file.
  EXPECT_THAT(log_.text(), Not(HasSubstr(first)));
}

TEST_F(ServiceCallerTest, ACertificateIsAskedForByNothingButTheConnection) {
  options_.service->certificate = true;
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_TRUE(auth_.last_issue().has_certificate());
}

TEST_F(ServiceCallerTest, ASecretThatIsRefusedIsTheCallsAnswerAndIsInNoLog) {
  auth_.JudgeIssues(
      [] { return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: wrong"); });
  StartWithSecret();
  const grpc::Status refused = Call();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(refused.error_message(), HasSubstr("BAD_CREDENTIALS"));
  EXPECT_THAT(log_.text(), Not(HasSubstr(kSecret)));
}

// A server that throws the secret back at its client.
TEST_F(ServiceCallerTest, TheSecretIsInNoErrorWhateverTheServerSays) {
  auth_.JudgeIssues([] {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                        std::string("NOT_ALLOWED: not with ") + kSecret);
  });
  StartWithSecret();
  const grpc::Status refused = Call();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("NOT_ALLOWED"));
  EXPECT_THAT(refused.error_message() + log_.text(), Not(HasSubstr(kSecret)));
}

TEST_F(ServiceCallerTest, AFileThatIsMissingIsWaitedFor) {
  options_.service->secret = SecretFromFile(folder_.Path("later"));
  options_.wait_limit = absl::Seconds(30);
  Start();
  const grpc::Status none = Call(absl::Milliseconds(300));
  EXPECT_NE(none.error_code(), grpc::StatusCode::OK);
  EXPECT_NE(none.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  folder_.Write("later", "tss_here\n");
  clock_.Advance(absl::Seconds(10));  // the pause between tries
  EXPECT_TRUE(Call().ok());
}

TEST_F(ServiceCallerTest, LogoutDropsTheTokenAndAsksNobody) {
  StartWithSecret();
  ASSERT_TRUE(Call().ok());
  EXPECT_TRUE(caller_->Logout().ok());
  EXPECT_EQ(auth_.logouts.value(), 0);
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-2");
}

TEST_F(ServiceCallerTest, ThereIsExactlyOneWayToProveOneself) {
  const auto refused = [&](const std::function<void(CallerOptions&)>& change) {
    CallerOptions options = options_;
    change(options);
    return std::string(Caller::Create(options).status().message());
  };
  const auto secret = [] { return Secret("x"); };
  EXPECT_THAT(refused([](CallerOptions&) {}), HasSubstr("service"));
  EXPECT_THAT(refused([&](CallerOptions& o) {
                o.service->secret = secret;
                o.service->certificate = true;
              }),
              HasSubstr("exactly one"));
  EXPECT_THAT(refused([&](CallerOptions& o) {
                o.service->secret = secret;
                o.login = {"alice", secret};
              }),
              HasSubstr("login"));
  EXPECT_THAT(refused([](CallerOptions& o) { o.service->assertion.emplace(); }),
              HasSubstr("service.assertion"));
  EXPECT_EQ(refused([&](CallerOptions& o) { o.service->secret = secret; }), "");
}

class DeviceCallerTest : public CallerTest {
 protected:
  DeviceCallerTest() {
    options_.login.device_id = Secret(kDevice);
    options_.login.device_label = "the till";
    options_.login.scopes = {"read"};
  }
};

TEST_F(DeviceCallerTest, TheDeviceIsShownAtLoginAtRenewalAndWithEachCall) {
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(auth_.last_login().device_label(), "the till");
  EXPECT_EQ(auth_.last_login().device_id(), kDevice);
  EXPECT_THAT(auth_.last_login().scopes(), ElementsAre("read"));
  EXPECT_EQ(calls_.device(), kDevice);
  clock_.Advance(absl::Minutes(15));
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(auth_.last_renewal().device_id(), kDevice);
  // For servers that renew only with it.
  EXPECT_EQ(auth_.last_renewal().access_token(), "access-1");
  EXPECT_THAT(log_.text(), Not(HasSubstr(kDevice)));
}

TEST_F(DeviceCallerTest, WithoutADeviceNothingIsSaid) {
  options_.login.device_id = Secret();
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(calls_.device(), "");
  EXPECT_EQ(auth_.last_login().device_id(), "");
}

// Metadata must not be broken out of.
TEST_F(DeviceCallerTest, ADeviceIdThatTesseradWouldNotTakeIsRefused) {
  for (const std::string& id :
       {std::string("a-device-id\nwith-a-second-line"), std::string("with spaces in between"),
        std::string(15, 'x'), std::string(129, 'x')}) {
    options_.login.device_id = Secret(id);
    EXPECT_EQ(Caller::Create(options_).status().code(), absl::StatusCode::kInvalidArgument) << id;
  }
}

// A refusal of early renewal costs no call anything.
TEST_F(DeviceCallerTest, ATokenThatMayNotBeRenewedYetGoesOnToItsEnd) {
  options_.login.device_id = Secret();
  Start();
  ASSERT_TRUE(Call().ok());
  testing::Counter refused;
  auth_.JudgeRenewals([&] {
    refused.Add();
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        "ACCESS_TOKEN_NOT_EXPIRED: too early");
  });
  clock_.Advance(absl::Minutes(15) * 0.8);
  EXPECT_TRUE(Call().ok());
  ASSERT_TRUE(refused.WaitFor(1));
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
  auth_.JudgeRenewals(nullptr);
  clock_.Advance(absl::Minutes(15) * 0.2);
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-2");
  EXPECT_EQ(auth_.logins.value(), 1);
}

}  // namespace
}  // namespace tessera
