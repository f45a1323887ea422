#include "tessera/cli/connection.h"

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"
#include "tests/base/temporary_folder.h"

namespace tessera::cli {
namespace {

using tessera::testing::TemporaryFolder;

TEST(IsLoopback, KnowsThisMachineAndNoOther) {
  for (const char* host : {"localhost", "127.0.0.1", "127.255.255.254", "::1", "[::1]"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"", "localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1",
                           "0.0.0.0", "10.0.0.1", "::", "[::2]", "127.1", "LOCALHOST"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(HostOf, TakesHostAndPortOnly) {
  EXPECT_EQ(*HostOf("auth.example:443"), "auth.example");
  EXPECT_EQ(*HostOf("[::1]:7443"), "[::1]");
  EXPECT_EQ(*HostOf("h:65535"), "h");
  for (const char* server :
       {"", ":1", "host", "host:", "host:0", "host:65536", "host:x", "::1:7443", "dns:///host:1",
        "unix:/socket:1", "ipv4:1.2.3.4:5,6.7.8.9:10", "a,b:1", "http://host:1", "ho st:1",
        "host%2f:1", "a/b:1"}) {
    EXPECT_EQ(ExitCodeOf(HostOf(server).status()), ExitCode::kUsage) << server;
  }
}

TEST(Connect, PlaintextLeavesThisMachineOnlyWhenSaidLoudly) {
  Context context{"10.0.0.1:7443", "", true, false, ""};
  EXPECT_EQ(ReasonOf(Connect(context).status()), local_reason::kPlaintextRefused);
  context.plaintext_off_loopback = true;
  EXPECT_TRUE(Connect(context).ok());
  context = {"127.0.0.1:7443", "", true, false, ""};
  EXPECT_TRUE(Connect(context).ok());
}

TEST(Connect, OffLoopbackAloneDoesNotTurnTlsOff) {
  const Context context{"10.0.0.1:7443", "", false, true, ""};
  EXPECT_TRUE(Connect(context).ok()) << "TLS: nothing to refuse";
}

TEST(Connect, ACaFileWithoutCertificateIsUsage) {
  TemporaryFolder temporary;
  Context context{"127.0.0.1:1", temporary.Write("ca.pem", "no certificate"), false, false, ""};
  EXPECT_EQ(ExitCodeOf(Connect(context).status()), ExitCode::kUsage);
  context.ca = temporary.Path("none");
  EXPECT_EQ(ExitCodeOf(Connect(context).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace tessera::cli
