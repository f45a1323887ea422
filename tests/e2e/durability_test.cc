// What was acknowledged survives: `kill -9`, and the system calls that show why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <string>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Gt;
using ::testing::Lt;

std::string RefusalOf(Tesserad& tesserad, const std::string& token) {
  v1::GetCurrentUserResponse response;
  return ReasonOf(tesserad.Users()->GetCurrentUser(ContextWith({token}).get(), {}, &response));
}

TEST(Durability, AcknowledgedRevocationSurvivesKillNine) {
  Tesserad tesserad({});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  for (int round = 0; round < 5; ++round) {
    const v1::TokenGrant kept = tesserad.LoginAdmin(), revoked = tesserad.LoginAdmin();
    ASSERT_TRUE(Revoke(*tesserad.Auth(), revoked.access_token()).ok());
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
  auto second = Program::Start(tesserad.command(), tesserad.environment());
  EXPECT_GT(second->Wait(absl::Seconds(30)), 0) << second->Output();
  EXPECT_EQ(second->Output().find("server.ready"), std::string::npos);
}

// The places, in a trace of system calls, where a call was seen.
struct Trace {
  size_t first_received = 0;
  std::vector<size_t> synced;
  size_t last_sent = 0;
};

std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Reads from line `from` on; a place is counted from 1, so 0 means never seen.
Trace TraceFrom(const std::string& path, size_t from) {
  Trace trace;
  const std::vector<std::string> lines = LinesOf(path);
  for (size_t i = from; i < lines.size(); ++i) {
    const auto has = [&](const char* text) { return lines[i].find(text) != std::string::npos; };
    const bool returned = has("= 0");
    if (trace.first_received == 0 && has("recvmsg(")) trace.first_received = i + 1;
    if ((has("fsync") || has("fdatasync")) && returned) trace.synced.push_back(i + 1);
    if (has("sendmsg(")) trace.last_sent = i + 1;
  }
  return trace;
}

TEST(Durability, ASyncLiesBetweenTheRevocationAndItsAnswer) {
  TemporaryFolder folder;
  const std::string path = folder.Path("trace");
  Tesserad tesserad({.transport = Transport::kPlaintext,
                     .extra_config = "",
                     .run_under = {"strace", "-f", "-qq", "-o", path, "-e",
                                   "trace=fsync,fdatasync,sendmsg,recvmsg", "-s", "0"}});
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  const std::string token = tesserad.LoginAdmin().access_token();

  // What writes nothing syncs nothing; now and then the trail writes meanwhile, what it has seen.
  EXPECT_TRUE(Within(kSoon, [&] {
    const size_t before = LinesOf(path).size();
    return RefusalOf(tesserad, token).empty() && TraceFrom(path, before).synced.empty();
  }));

  const size_t from = LinesOf(path).size();
  ASSERT_TRUE(Revoke(*tesserad.Auth(), token).ok());
  const Trace trace = TraceFrom(path, from);
  EXPECT_GT(trace.first_received, from);
  EXPECT_THAT(trace.synced, Contains(AllOf(Gt(trace.first_received), Lt(trace.last_sent))));
}

}  // namespace
}  // namespace tessera::testing
