#include "server/rpc/call.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/server/rpc/in_process_server.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::server {
namespace {

TEST(WorkTime, LeavesATenthForTheAnswerButAtMostTheConstant) {
  EXPECT_EQ(WorkTime(absl::Seconds(1)), absl::Milliseconds(900));
  EXPECT_EQ(WorkTime(absl::Milliseconds(2500)), absl::Milliseconds(2250));
  EXPECT_EQ(WorkTime(absl::Seconds(30)), absl::Milliseconds(29750));
}

TEST(WorkTime, IsCutToTheLongestCall) {
  EXPECT_EQ(WorkTime(kMaxCallTime + kMaxAnswerTime), kMaxCallTime);
  EXPECT_EQ(WorkTime(absl::Hours(1)), kMaxCallTime);
  EXPECT_EQ(WorkTime(absl::InfiniteDuration()), kMaxCallTime);
}

TEST(WorkTime, OfACallThatIsOverIsNoneAndStaysOver) {
  EXPECT_EQ(WorkTime(absl::ZeroDuration()), absl::ZeroDuration());
  EXPECT_EQ(WorkTime(-absl::Seconds(1)), -absl::Seconds(1));
}

// On a machine that is busy the answer may come too late once, but not every time.
TEST(WorkTime, AStoreThatIsBusyIsAnsweredWithItsReasonWithinTheCallsDeadline) {
  InProcessServer server;
  server.Start();
  const auto stub = server.Auth();
  v1::LogoutRequest logout;
  logout.set_refresh_token(server.LoginAdmin().refresh_token());
  testing::RawSqlite other(SqlitePath(server.config().storage));
  other.Run("BEGIN IMMEDIATE");
  std::string reason;
  for (int tries = 0; tries < 10 && reason != "STORAGE_UNAVAILABLE"; ++tries) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
    v1::LogoutResponse response;
    reason = ReasonOf(stub->Logout(&context, logout, &response));
  }
  other.Run("ROLLBACK");
  EXPECT_EQ(reason, "STORAGE_UNAVAILABLE");
}

TEST(PeerAddress, IsWithoutSchemeAndPort) {
  EXPECT_EQ(PeerAddress("ipv4:10.0.0.7:4711"), "10.0.0.7");
  EXPECT_EQ(PeerAddress("ipv6:%5B2001:db8::1%5D:443"), "2001:db8::1");
  EXPECT_EQ(PeerAddress("ipv6:[::1]:443"), "::1");
  EXPECT_EQ(PeerAddress("unix:/run/t.sock"), "unix:/run/t.sock");
  EXPECT_EQ(PeerAddress(""), "");
}

}  // namespace
}  // namespace tessera::server
