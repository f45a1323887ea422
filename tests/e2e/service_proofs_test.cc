// How a service proves itself to real servers: by its client certificate over TLS, and by an
// assertion that two processes on one database take once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/assertion.h"
#include "tests/e2e/authority.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/replicas.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {
namespace {

// The token, or the reason of the refusal.
struct Issued {
  std::string reason;
  std::string token;
};

Issued Issue(v1::AuthService::Stub& auth, const v1::IssueTokenRequest& request) {
  v1::IssueTokenResponse response;
  const grpc::Status status = auth.IssueToken(ContextWith({}).get(), request, &response);
  return {status.ok() ? "" : ReasonOf(status), response.access_token()};
}

std::string AddAccount(Tesserad& server, const v1::ServiceAccount& account) {
  v1::CreateServiceAccountRequest request;
  *request.mutable_service_account() = account;
  request.set_without_secret(true);
  v1::CreateServiceAccountResponse response;
  const auto users = server.Users();
  const grpc::Status status = users->CreateServiceAccount(
      ContextWith({server.LoginAdmin().access_token()}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.service_account().id();
}

class ByCertificate : public ::testing::TestWithParam<TestEngine> {
 protected:
  ByCertificate() {
    authority_.Sign("billing", "DNS:billing.example");
    authority_.Sign("copy", "DNS:billing.example");
    authority_.Sign("mail", "DNS:mail.example");
    authority_.Sign("nameless");
    authority_.Sign("operator");
  }
  void Start(bool verifying) {
    if (GetParam() == TestEngine::kMariaDb) database_.emplace(MariaDb::Shared());
    Tesserad::Options options;
    options.transport = Transport::kTls;
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    if (verifying) options.environment = {"TESSERA_SERVER_TLS_CLIENT_CA=" + authority_.path()};
    server_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    AddBilling();
  }
  // The account of `billing.example`. By a certificate that is nobody's: the port may ask for one.
  void AddBilling() {
    const auto channel = ChannelShowing(*server_, folder_, "operator");
    v1::LoginRequest login;
    login.set_username("admin");
    login.set_password(Tesserad::kAdminPassword);
    v1::LoginResponse admin;
    ASSERT_TRUE(
        v1::AuthService::NewStub(channel)->Login(ContextWith({}).get(), login, &admin).ok());
    admin_ = admin.grant().access_token();
    v1::CreateServiceAccountRequest request;
    v1::ServiceAccount& account = *request.mutable_service_account();
    account.set_name("billing");
    account.add_audiences("tessera");
    account.add_certificate_names("billing.example");
    request.set_without_secret(true);
    v1::CreateServiceAccountResponse response;
    const grpc::Status status = v1::UserService::NewStub(channel)->CreateServiceAccount(
        ContextWith({admin_}).get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.secret(), "");
    id_ = response.service_account().id();
  }
  std::unique_ptr<v1::AuthService::Stub> AuthOf(const std::string& name) {
    return v1::AuthService::NewStub(ChannelShowing(*server_, folder_, name));
  }
  Issued IssueTo(const std::string& certificate) {
    v1::IssueTokenRequest request;
    request.mutable_certificate();
    return Issue(*AuthOf(certificate), request);
  }
  v1::ValidateTokenResponse Ask(const std::string& certificate, const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    EXPECT_TRUE(AuthOf(certificate)->ValidateToken(ContextWith({}).get(), request, &response).ok());
    return response;
  }
  // What the server's guard makes of it: a service is let in, and is no user to be shown.
  std::string CallAs(const std::string& certificate, const std::string& token) {
    v1::GetCurrentUserResponse response;
    const auto users = v1::UserService::NewStub(ChannelShowing(*server_, folder_, certificate));
    return ReasonOf(users->GetCurrentUser(ContextWith({token}).get(), {}, &response));
  }

  TemporaryFolder folder_;
  Authority authority_{folder_};
  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> server_;
  std::string admin_, id_;
};

INSTANTIATE_TEST_SUITE_P(On, ByCertificate,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

TEST_P(ByCertificate, AServiceGetsATokenThatIsOfUseOnlyWithTheCertificate) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  const Issued issued = IssueTo("billing");
  ASSERT_EQ(issued.reason, "");
  const v1::ValidateTokenResponse known = Ask("billing", issued.token);
  EXPECT_TRUE(known.active());
  EXPECT_EQ(known.subject(), id_);
  EXPECT_EQ(known.certificate_thumbprint(), authority_.Thumbprint("billing"));
  EXPECT_EQ(CallAs("billing", issued.token), "USER_NOT_FOUND");
  for (const char* other : {"mail", "copy"}) {
    EXPECT_EQ(Ask(other, issued.token).reason(), v1::ERROR_REASON_CERTIFICATE_MISMATCH) << other;
    EXPECT_EQ(CallAs(other, issued.token), "CERTIFICATE_MISMATCH") << other;
  }
}

// All three are the same authority's.
TEST_P(ByCertificate, OneThatNamesNoAccountGetsNone) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  EXPECT_EQ(IssueTo("mail").reason, "BAD_CREDENTIALS");
  EXPECT_EQ(IssueTo("nameless").reason, "BAD_CREDENTIALS");
  EXPECT_EQ(IssueTo("copy").reason, "") << "another certificate of the same name";
}

TEST_P(ByCertificate, OneThatNobodyVerifiedProvesNothing) {
  ASSERT_NO_FATAL_FAILURE(Start(false));
  EXPECT_EQ(IssueTo("billing").reason, "CERTIFICATE_MISSING");
  EXPECT_EQ(IssueTo("").reason, "CERTIFICATE_MISSING");
}

TEST_P(ByCertificate, ANameThatIsTakenAwayEndsItsTokens) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  const std::string token = IssueTo("billing").token;
  v1::UpdateServiceAccountRequest request;
  request.mutable_service_account()->set_id(id_);
  request.mutable_update_mask()->add_paths("certificate_names");
  v1::UpdateServiceAccountResponse response;
  const auto users = v1::UserService::NewStub(ChannelShowing(*server_, folder_, "operator"));
  ASSERT_TRUE(users->UpdateServiceAccount(ContextWith({admin_}).get(), request, &response).ok());
  EXPECT_EQ(CallAs("billing", token), "TOKEN_REVOKED");
  EXPECT_EQ(IssueTo("billing").reason, "BAD_CREDENTIALS");
}

// An assertion is for one use on all replicas together, also when both are shown it at once.
class AssertionAtReplicas : public Replicas {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Replicas::SetUp());
    v1::ServiceAccount account;
    account.set_name("billing");
    account.add_audiences("tessera");
    account.set_public_jwks_json(JwkSetOf(key_));
    id_ = AddAccount(a_, account);
  }
  v1::IssueTokenRequest NewAssertion() {
    v1::IssueTokenRequest request;
    request.set_assertion(AssertionOf(id_, key_, a_.clock().Now()));
    return request;
  }

  const SigningKey key_ = SigningKey::Generate(Algorithm::kEs256).value();
  std::string id_;
};

TEST_F(AssertionAtReplicas, OneThatWasTakenByOneProcessIsRefusedByTheOther) {
  const v1::IssueTokenRequest request = NewAssertion();
  EXPECT_EQ(Issue(*auth_a_, request).reason, "");
  EXPECT_EQ(Issue(*auth_b_, request).reason, "BAD_CREDENTIALS");
  EXPECT_EQ(Issue(*auth_a_, request).reason, "BAD_CREDENTIALS");
}

TEST_F(AssertionAtReplicas, OfTwoProcessesThatAreShownItAtOnceOneTakesIt) {
  for (int round = 0; round < 20; ++round) {
    const v1::IssueTokenRequest request = NewAssertion();
    std::latch both(2);
    std::vector<std::string> reasons(2);
    const auto show = [&](size_t i, v1::AuthService::Stub& auth) {
      both.arrive_and_wait();
      reasons[i] = Issue(auth, request).reason;
    };
    std::thread beside([&] { show(0, *auth_a_); });
    show(1, *auth_b_);
    beside.join();
    EXPECT_THAT(reasons, ::testing::UnorderedElementsAre("", "BAD_CREDENTIALS")) << round;
  }
}

TEST_F(AssertionAtReplicas, AReplicaThatStartsLaterRefusesItToo) {
  const v1::IssueTokenRequest request = NewAssertion();
  EXPECT_EQ(Issue(*auth_a_, request).reason, "");
  auth_b_.reset();
  b_.Stop();
  ASSERT_NO_FATAL_FAILURE(b_.Start());
  auth_b_ = b_.Auth();
  EXPECT_EQ(Issue(*auth_b_, request).reason, "BAD_CREDENTIALS");
}

}  // namespace
}  // namespace tessera::testing
