// Sessions and tokens that are bound to a client certificate (RFC 8705), over TLS that verifies
// client certificates, and where it does not.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/e2e/authority.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

enum class Engine { kSqlite, kMariaDb };

class CertificateBinding : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    authority_.Sign("ada");
    authority_.Sign("mallory");
  }
  // `verifying`: the port asks for client certificates and verifies them.
  void Start(bool verifying) {
    if (GetParam() == Engine::kMariaDb) database_.emplace(MariaDb::Shared());
    Tesserad::Options options;
    options.transport = Transport::kTls;
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    if (verifying) options.environment = {"TESSERA_SERVER_TLS_CLIENT_CA=" + authority_.path()};
    server_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
  }
  // A connection that shows this certificate; empty: none.
  std::shared_ptr<grpc::Channel> ChannelOf(const std::string& name) {
    return ChannelShowing(*server_, folder_, name);
  }
  std::unique_ptr<v1::AuthService::Stub> AuthOf(const std::string& name) {
    return v1::AuthService::NewStub(ChannelOf(name));
  }
  grpc::Status Login(const std::string& name, bool bind, v1::TokenGrant& grant) {
    v1::LoginRequest request;
    request.set_username("admin");
    request.set_password(Tesserad::kAdminPassword);
    request.set_bind_certificate(bind);
    v1::LoginResponse response;
    const grpc::Status status = AuthOf(name)->Login(ContextWith({}).get(), request, &response);
    grant = response.grant();
    return status;
  }
  v1::TokenGrant BoundTo(const std::string& name) {
    v1::TokenGrant grant;
    const grpc::Status status = Login(name, true, grant);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return grant;
  }
  // Empty: let in.
  std::string CallAs(const std::string& name, const std::string& token) {
    v1::GetCurrentUserResponse response;
    const auto users = v1::UserService::NewStub(ChannelOf(name));
    return ReasonOf(users->GetCurrentUser(ContextWith({token}).get(), {}, &response));
  }

  TemporaryFolder folder_;
  Authority authority_{folder_};
  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> server_;
};

INSTANTIATE_TEST_SUITE_P(On, CertificateBinding,
                         ::testing::Values(Engine::kSqlite, Engine::kMariaDb),
                         [](const auto& each) {
                           return each.param == Engine::kSqlite ? "Sqlite" : "MariaDb";
                         });

TEST_P(CertificateBinding, ABoundTokenIsOfUseOnlyWithItsCertificate) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  const v1::TokenGrant grant = BoundTo("ada");
  v1::ValidateTokenRequest request;
  request.set_token(grant.access_token());
  v1::ValidateTokenResponse known;
  ASSERT_TRUE(AuthOf("ada")->ValidateToken(ContextWith({}).get(), request, &known).ok());
  EXPECT_TRUE(known.active());
  EXPECT_EQ(known.certificate_thumbprint(), authority_.Thumbprint("ada"));
  EXPECT_EQ(CallAs("ada", grant.access_token()), "");
  EXPECT_EQ(CallAs("mallory", grant.access_token()), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(Verdict(*AuthOf("mallory"), grant.access_token()), "CERTIFICATE_MISMATCH");
}

// The attack: all tokens are copied, the private key is not.
TEST_P(CertificateBinding, AStolenRefreshTokenRenewsNowhereElseAndTheOwnerGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  const v1::TokenGrant grant = BoundTo("ada");
  EXPECT_EQ(Renew(*AuthOf("mallory"), grant.refresh_token()).reason, "CERTIFICATE_MISMATCH");
  const Renewal renewed = Renew(*AuthOf("ada"), grant.refresh_token());
  ASSERT_EQ(renewed.reason, "");
  EXPECT_EQ(CallAs("mallory", renewed.grant.access_token()), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(CallAs("ada", renewed.grant.access_token()), "");
  EXPECT_EQ(Renew(*AuthOf("mallory"), grant.refresh_token()).reason, "REFRESH_REUSED");
  EXPECT_EQ(CallAs("ada", renewed.grant.access_token()), "TOKEN_REVOKED");
}

TEST_P(CertificateBinding, ACertificateThatIsShownBindsNothingUnasked) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  v1::TokenGrant grant;
  ASSERT_TRUE(Login("ada", false, grant).ok());
  EXPECT_EQ(CallAs("mallory", grant.access_token()), "");
  v1::ListSessionsResponse sessions;
  const v1::TokenGrant bound = BoundTo("ada");
  ASSERT_TRUE(
      AuthOf("ada")->ListSessions(ContextWith({bound.access_token()}).get(), {}, &sessions).ok());
  ASSERT_EQ(sessions.sessions_size(), 2);
  for (const v1::Session& session : sessions.sessions()) {
    EXPECT_EQ(session.certificate_bound(), session.id() == bound.session_id());
  }
}

TEST_P(CertificateBinding, ACertificateOfNobodyWeKnowGetsNoConnection) {
  ASSERT_NO_FATAL_FAILURE(Start(true));
  TemporaryFolder elsewhere;
  const Authority stranger(elsewhere);
  stranger.Sign("ada");
  folder_.Write("stranger.crt", elsewhere.Read("ada.crt"));
  folder_.Write("stranger.key", elsewhere.Read("ada.key"));
  v1::TokenGrant grant;
  EXPECT_EQ(Login("stranger", true, grant).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Login("", false, grant).error_code(), grpc::StatusCode::UNAVAILABLE);
}

// The client has a certificate, but nobody has verified it: there is nothing to bind to.
TEST_P(CertificateBinding, APortThatVerifiesNoneBindsNone) {
  ASSERT_NO_FATAL_FAILURE(Start(false));
  v1::TokenGrant grant;
  const grpc::Status status = Login("ada", true, grant);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "CERTIFICATE_MISSING");
  EXPECT_EQ(grant.access_token(), "");
  EXPECT_TRUE(Login("ada", false, grant).ok());
}

TEST(CertificateBindingOnPlaintext, IsRefused) {
  Tesserad server({});
  ASSERT_NO_FATAL_FAILURE(server.Start());
  v1::LoginRequest request;
  request.set_username("admin");
  request.set_password(Tesserad::kAdminPassword);
  request.set_bind_certificate(true);
  v1::LoginResponse response;
  EXPECT_EQ(ReasonOf(server.Auth()->Login(ContextWith({}).get(), request, &response)),
            "CERTIFICATE_MISSING");
}

}  // namespace
}  // namespace tessera::testing
