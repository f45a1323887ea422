// Ports for one machine: local credentials, and sockets in the file system.
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "tests/base/temporary_folder.h"
#include "tests/guard/served_echo.h"

namespace tessera::testing {
namespace {

TEST(LocalCredentials, OnLoopbackEveryCallIsJudged) {
  ServedEcho echo;
  ASSERT_TRUE(echo.Serve(echo.guard().Local(LOCAL_TCP)).ok());
  echo.ExpectGuarded(grpc::experimental::LocalCredentials(LOCAL_TCP));
}

TEST(LocalCredentials, OnASocketEveryCallIsJudged) {
  const TemporaryFolder folder;
  ServedEcho echo;
  ASSERT_TRUE(echo.Serve(echo.guard().Local(UDS), "unix:" + folder.Path("echo.sock")).ok());
  echo.ExpectGuarded(grpc::experimental::LocalCredentials(UDS));
}

TEST(LocalCredentials, PlaintextOnASocketIsJudgedTheSame) {
  const TemporaryFolder folder;
  ServedEcho echo;
  ASSERT_TRUE(echo.Serve(echo.guard().Plaintext(), "unix:" + folder.Path("echo.sock")).ok());
  echo.ExpectGuarded(grpc::InsecureChannelCredentials());
}

// There is no handshake that proves one.
TEST(LocalCredentials, ATokenThatIsBoundToACertificateIsRefused) {
  ServedEcho echo;
  ASSERT_TRUE(echo.Serve(echo.guard().Local(LOCAL_TCP)).ok());
  const auto stub = echo.Connect(grpc::experimental::LocalCredentials(LOCAL_TCP));
  Claims claims = ClaimsFor("usr_a", echo.clock.Now());
  claims.certificate = "a thumbprint";
  const Outcome outcome = CallOver(*stub, Shape::kUnary, BearerOf(Sign(claims, echo.key)));
  EXPECT_EQ(ReasonIn(outcome.status), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(echo.entered(), 0);
}

}  // namespace
}  // namespace tessera::testing
