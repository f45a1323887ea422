// What was acknowledged survives: `kill -9`, and the system calls that show why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "tessera/caller/reason.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

std::string RefusalOf(Tesserad& tesserad, const std::string& token) {
  v1::GetCurrentUserResponse response;
  return ReasonOf(tesserad.Users()->GetCurrentUser(ContextWith({token}).get(), {}, &response));
}

grpc::Status Revoke(Tesserad& tesserad, const std::string& token) {
  v1::RevokeTokenRequest request;
  request.set_token(token);
  v1::RevokeTokenResponse response;
  return tesserad.Auth()->RevokeToken(ContextWith({}).get(), request, &response);
}

TEST(Durability, AcknowledgedRevocationSurvivesKillNine) {
  Tesserad tesserad({});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  for (int round = 0; round < 5; ++round) {
    const v1::TokenGrant kept = tesserad.LoginAdmin(), revoked = tesserad.LoginAdmin();
    ASSERT_TRUE(Revoke(tesserad, revoked.access_token()).ok());
    tesserad.KillHard();
    ASSERT_NO_FATAL_FAILURE(tesserad.Start());
    EXPECT_EQ(RefusalOf(tesserad, revoked.access_token()), "TOKEN_REVOKED");
    EXPECT_EQ(RefusalOf(tesserad, kept.access_token()), "");
  }
}

TEST(Durability, AcknowledgedUserSurvivesKillNine) {
  Tesserad tesserad({});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  tesserad.AddUser("dora", "doras password");
  tesserad.KillHard();
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  EXPECT_NE(tesserad.Login("dora", "doras password").access_token(), "");
}

TEST(Durability, TermSignalDrainsAndExitsCleanly) {
  Tesserad tesserad({});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  tesserad.LoginAdmin();
  tesserad.program().Signal(SIGTERM);
  EXPECT_EQ(tesserad.program().Wait(absl::Seconds(30)), 0) << tesserad.program().Output();
}

TEST(Durability, SecondServerOnTheSameFileRefusesToStart) {
  Tesserad tesserad({});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  auto second =
      Program::Start({TESSERAD_WITH_CLOCK, "--config", tesserad.folder().Path("tessera.toml")},
                     {"TESSERA_TEST_CLOCK=" + tesserad.folder().Path("clock")});
  EXPECT_GT(second->Wait(absl::Seconds(30)), 0) << second->Output();
  EXPECT_EQ(second->Output().find("server.ready"), std::string::npos);
}

// A line of the trace, with the moment that strace gave it.
struct TracedCall {
  size_t line;
  std::string text;
};

std::vector<TracedCall> CallsIn(const std::string& trace) {
  std::vector<TracedCall> calls;
  std::ifstream file(trace);
  std::string text;
  for (size_t line = 0; std::getline(file, text); ++line) calls.push_back({line, text});
  return calls;
}

TEST(Durability, ASyncLiesBetweenTheRevocationAndItsAnswer) {
  TemporaryFolder folder;
  const std::string trace = folder.Path("trace");
  Tesserad tesserad({.transport = Transport::kPlaintext,
                     .extra_config = "",
                     .run_under = {"strace", "-f", "-qq", "-o", trace, "-e",
                                   "trace=fsync,fdatasync,sendmsg,recvmsg", "-s", "0"}});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  const std::string token = tesserad.LoginAdmin().access_token();
  const size_t before = CallsIn(trace).size();
  ASSERT_TRUE(Revoke(tesserad, token).ok());
  const std::vector<TracedCall> calls = CallsIn(trace);

  // Behind the request's arrival: the sync has returned before the last answer is sent.
  size_t first_received = 0, synced = 0, last_sent = 0;
  for (size_t i = before; i < calls.size(); ++i) {
    const std::string& text = calls[i].text;
    const bool is_sync = text.find("fsync") != text.npos || text.find("fdatasync") != text.npos;
    if (first_received == 0 && text.find("recvmsg(") != text.npos) first_received = i;
    if (is_sync && text.find("= 0") != text.npos && synced == 0) synced = i;
    if (text.find("sendmsg(") != text.npos) last_sent = i;
  }
  EXPECT_GT(synced, first_received);
  EXPECT_GT(last_sent, synced);
  tesserad.program().Signal(SIGKILL);
}

}  // namespace
}  // namespace tessera::testing
