// Credentials that somebody else built, guarded through gRPC's own synchronous processor.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <gtest/gtest.h>

#include "tessera/token/certificate.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/served_echo.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<grpc::ServerCredentials> SslOf(const TlsMaterial& material) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({material.key, material.certificate});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> VerifyingSslOf(const TlsMaterial& material,
                                                        const TlsMaterial& client_authority) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = client_authority.certificate;
  options.pem_key_cert_pairs.push_back({material.key, material.certificate});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> TlsOf(const TlsMaterial& material) {
  namespace experimental = grpc::experimental;
  const auto provider = std::make_shared<experimental::StaticDataCertificateProvider>(
      std::vector<experimental::IdentityKeyCertPair>{{material.key, material.certificate}});
  experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> Trusting(const TlsMaterial& server) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = server.certificate;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> TrustingAndShowing(const TlsMaterial& server,
                                                             const TlsMaterial& own) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = server.certificate;
  options.pem_cert_chain = own.certificate;
  options.pem_private_key = own.key;
  return grpc::SslCredentials(options);
}

class ProtectedCredentials : public ::testing::Test {
 protected:
  std::string ReasonOver(grpc::ChannelCredentials*, echo::Echo::Stub& stub,
                         const std::string& token) {
    return ReasonIn(CallOver(stub, Shape::kUnary, BearerOf(token)).status);
  }
  std::string BoundTo(const ServedEcho& echo, const TlsMaterial& certificate) {
    Claims claims = ClaimsFor("usr_a", echo.clock.Now());
    claims.certificate = CertificateThumbprint(certificate.certificate);
    return Sign(claims, echo.key);
  }

  const TlsMaterial server_ = MakeTlsMaterial();
  const TlsMaterial client_authority_ = MakeTlsMaterial();
};

TEST_F(ProtectedCredentials, EveryCallOverThemIsJudged) {
  for (const auto& credentials : {SslOf(server_), TlsOf(server_)}) {
    ServedEcho echo;
    ASSERT_TRUE(echo.guard().Protect(credentials).ok());
    ASSERT_TRUE(echo.Serve(credentials).ok());
    echo.ExpectGuarded(Trusting(server_));
  }
}

TEST_F(ProtectedCredentials, LocalOnesOfGrpcToo) {
  ServedEcho echo;
  const auto credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  ASSERT_TRUE(echo.guard().Protect(credentials).ok());
  ASSERT_TRUE(echo.Serve(credentials).ok());
  echo.ExpectGuarded(grpc::experimental::LocalCredentials(LOCAL_TCP));
}

TEST_F(ProtectedCredentials, WithoutProtectTheyDoNotStart) {
  ServedEcho echo;
  const absl::Status status = echo.Serve(SslOf(server_), "127.0.0.1:7003");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:7003"));
}

TEST_F(ProtectedCredentials, AnotherGuardsDoNotStart) {
  ServedEcho other;
  ServedEcho echo;
  const auto credentials = SslOf(server_);
  ASSERT_TRUE(other.guard().Protect(credentials).ok());
  EXPECT_EQ(echo.Serve(credentials).code(), absl::StatusCode::kFailedPrecondition);
}

// gRPC would end the process.
TEST_F(ProtectedCredentials, PlaintextIsRefusedAndNothingAborts) {
  ServedEcho echo;
  const auto credentials = grpc::InsecureServerCredentials();
  const absl::Status status = echo.guard().Protect(credentials);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Plaintext()"));
  EXPECT_EQ(echo.Serve(credentials).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ProtectedCredentials, NoneOnesOfAGuardAndTheSameTwiceAreRefused) {
  ServedEcho echo;
  EXPECT_EQ(echo.guard().Protect(nullptr).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(echo.guard().Protect(echo.guard().Plaintext()).code(),
            absl::StatusCode::kFailedPrecondition);
  const auto credentials = SslOf(server_);
  EXPECT_TRUE(echo.guard().Protect(credentials).ok());
  EXPECT_EQ(echo.guard().Protect(credentials).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ProtectedCredentials, AServerThatItsGuardDidNotStartRefusesEverything) {
  ServedEcho echo;
  const auto credentials = SslOf(server_);
  ASSERT_TRUE(echo.guard().Protect(credentials).ok());
  EchoRecord record(echo.guard());
  const auto service = MakeEcho(Api::kSync, record);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(service.get());
  const auto server = builder.BuildAndStart();
  const auto stub = echo::Echo::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), Trusting(server_)));
  const Outcome outcome = CallOver(*stub, Shape::kUnary, BearerOf(echo.TokenOf("usr_a")));
  EXPECT_EQ(ReasonIn(outcome.status), "METHOD_UNRULED");
  EXPECT_EQ(record.entered(), 0);
}

TEST_F(ProtectedCredentials, ACertificateCountsOnlyWhereItsOwnerSaysThatItIsVerified) {
  const TlsMaterial own = MakeClientCertificate(client_authority_);
  const TlsMaterial other = MakeClientCertificate(client_authority_);
  for (const auto certificates : {ClientCertificates::kVerified, ClientCertificates::kIgnored}) {
    ServedEcho echo;
    const auto credentials = VerifyingSslOf(server_, client_authority_);
    ASSERT_TRUE(echo.guard().Protect(credentials, certificates).ok());
    ASSERT_TRUE(echo.Serve(credentials).ok());
    const std::string token = BoundTo(echo, own);
    const auto with_own = echo.Connect(TrustingAndShowing(server_, own));
    const auto with_other = echo.Connect(TrustingAndShowing(server_, other));
    const auto with_none = echo.Connect(Trusting(server_));
    const bool verified = certificates == ClientCertificates::kVerified;
    EXPECT_EQ(ReasonOver(nullptr, *with_own, token), verified ? "" : "CERTIFICATE_MISMATCH");
    EXPECT_EQ(ReasonOver(nullptr, *with_other, token), "CERTIFICATE_MISMATCH");
    EXPECT_EQ(ReasonOver(nullptr, *with_none, token), "CERTIFICATE_MISMATCH");
    EXPECT_EQ(echo.entered(), verified ? 1 : 0);
  }
}

TEST_F(ProtectedCredentials, AnUnknownKeyIsUnavailableWhileKeysAreFetchedAndThenJudged) {
  const auto keys = std::make_shared<HeldKeys>(SetOf({NewKey()}));
  ServedEcho echo(keys);
  const auto credentials = SslOf(server_);
  ASSERT_TRUE(echo.guard().Protect(credentials).ok());
  ASSERT_TRUE(echo.Serve(credentials).ok());
  const auto stub = echo.Connect(Trusting(server_));
  const Headers good = BearerOf(echo.TokenOf("usr_a"));
  const Headers foreign = BearerOf(Sign(ClaimsFor("usr_a", echo.clock.Now()), NewKey()));

  const Outcome early = CallOver(*stub, Shape::kUnary, good);
  EXPECT_EQ(early.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(early.status), "KEYS_UNAVAILABLE");
  ASSERT_TRUE(Eventually([&] { return keys->fetches() == 1; }));
  keys->Set(SetOf({echo.key}));
  keys->Finish(absl::OkStatus());

  EXPECT_TRUE(CallOver(*stub, Shape::kUnary, good).status.ok());
  EXPECT_EQ(ReasonIn(CallOver(*stub, Shape::kUnary, foreign).status), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(keys->fetches(), 1);
  EXPECT_EQ(echo.entered(), 1);
}

TEST_F(ProtectedCredentials, AFetchThatFailedSaysNothingAboutAKey) {
  const auto keys = std::make_shared<HeldKeys>(SetOf({NewKey()}));
  ServedEcho echo(keys);
  const auto credentials = SslOf(server_);
  ASSERT_TRUE(echo.guard().Protect(credentials).ok());
  ASSERT_TRUE(echo.Serve(credentials).ok());
  const auto stub = echo.Connect(Trusting(server_));
  const Headers good = BearerOf(echo.TokenOf("usr_a"));
  for (int fetch = 1; fetch <= 2; ++fetch) {
    EXPECT_EQ(ReasonIn(CallOver(*stub, Shape::kUnary, good).status), "KEYS_UNAVAILABLE");
    ASSERT_TRUE(Eventually([&] { return keys->fetches() == fetch; }));
    keys->Finish(absl::UnavailableError("away"));
  }
  EXPECT_EQ(echo.entered(), 0);
}

}  // namespace
}  // namespace tessera::testing
