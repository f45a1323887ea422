#include "tessera/cli/token_keeper.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"
#include "tessera/token/bearer_token.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;

StoredGrant Living(absl::Duration life) {
  StoredGrant grant;
  grant.received_at = absl::FromUnixSeconds(1'000'000);
  grant.access_expires_at = grant.received_at + life;
  return grant;
}

TEST(NeedsRenewal, WhenLessThanAFifthOfTheLifeIsLeft) {
  const StoredGrant grant = Living(absl::Minutes(15));
  const absl::Time edge = grant.access_expires_at - absl::Seconds(180);
  EXPECT_FALSE(NeedsRenewal(grant, edge));
  EXPECT_TRUE(NeedsRenewal(grant, edge + absl::Seconds(1)));
}

TEST(NeedsRenewal, WhenLessThanTwentySecondsAreLeftOfAShortLife) {
  const StoredGrant grant = Living(absl::Seconds(60));
  const absl::Time edge = grant.access_expires_at - absl::Seconds(20);
  EXPECT_FALSE(NeedsRenewal(grant, edge));
  EXPECT_TRUE(NeedsRenewal(grant, edge + absl::Seconds(1)));
}

TEST(NeedsRenewal, NeverInTheFirstHalfOfALife) {
  const StoredGrant grant = Living(absl::Seconds(10));
  EXPECT_FALSE(NeedsRenewal(grant, grant.received_at));
  EXPECT_FALSE(NeedsRenewal(grant, grant.received_at + absl::Seconds(5)));
  EXPECT_TRUE(NeedsRenewal(grant, grant.received_at + absl::Seconds(6)));
}

TEST(TakeTokens, ATokenThatIsNoBearerTokenIsNotTaken) {
  const std::string longest(kMaxBearerToken, 'a');
  for (const std::string& bad :
       {std::string(), std::string("\x1b]0;owned\x07"), std::string("two\r\nlines"),
        std::string("a\0b", 3), std::string("a b"), std::string("\xc3\xa4"), longest + "a"}) {
    for (const bool access : {true, false}) {
      tessera::v1::TokenGrant answer;
      answer.set_access_token(access ? bad : longest);
      answer.set_refresh_token(access ? longest : bad);
      answer.mutable_access_expires_at();
      answer.mutable_refresh_expires_at();
      StoredGrant grant;
      const absl::Status status = TakeTokens(answer, absl::UnixEpoch(), grant);
      EXPECT_EQ(ReasonOf(status), local_reason::kUnexpectedAnswer);
      EXPECT_TRUE(grant.access_token.empty() && grant.refresh_token.empty());
    }
  }
}

TEST(TakeTokens, TheLongestBearerTokenIsTaken) {
  const std::string longest(kMaxBearerToken, '~');
  tessera::v1::TokenGrant answer;
  answer.set_access_token(longest);
  answer.set_refresh_token(longest);
  answer.mutable_access_expires_at();
  answer.mutable_refresh_expires_at();
  StoredGrant grant;
  EXPECT_TRUE(TakeTokens(answer, absl::UnixEpoch(), grant).ok());
}

class TokenKeeperTest : public CliTest {
 protected:
  TokenKeeperTest() { EXPECT_EQ(Login().code, ExitCode::kOk); }
  std::string Print() {
    const Ran ran = Run({"token", "print"});
    EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
    return ran.out;
  }
  void LetTokenAge() { clock_.Advance(absl::Minutes(13)); }
};

TEST_F(TokenKeeperTest, ALiveTokenCostsNoRenewal) {
  EXPECT_EQ(Print(), Print());
  EXPECT_EQ(server_.counts().renew_calls, 0);
}

TEST_F(TokenKeeperTest, AnAgeingTokenIsRenewedOnceAndKept) {
  const std::string before = Print();
  LetTokenAge();
  const std::string after = Print();
  EXPECT_NE(before, after);
  EXPECT_EQ(Print(), after);
  EXPECT_EQ(server_.counts().renew_calls, 1);
}

// Some servers ask for it.
TEST_F(TokenKeeperTest, ARenewalBringsTheAccessTokenThatGoesWithTheRefreshToken) {
  const std::string before = Print();
  LetTokenAge();
  Print();
  EXPECT_EQ(server_.last_renewal_access_token() + "\n", before);
}

TEST_F(TokenKeeperTest, AServerThatRenewsOnlyWhatHasExpiredLeavesTheLiveTokenInUse) {
  const std::string before = Print();
  LetTokenAge();
  server_.RefuseSessions({grpc::StatusCode::FAILED_PRECONDITION,
                          "ACCESS_TOKEN_NOT_EXPIRED: the access token is good still"});
  EXPECT_EQ(Print(), before);
  server_.RefuseSessions(grpc::Status::OK);
  clock_.Advance(absl::Minutes(3));
  EXPECT_NE(Print(), before);
}

TEST_F(TokenKeeperTest, ManyCommandsAtOnceMakeOneRenewalForEachGeneration) {
  constexpr int kGenerations = 5;
  constexpr int kCommands = 12;
  for (int generation = 1; generation <= kGenerations; ++generation) {
    LetTokenAge();
    std::vector<std::string> printed(kCommands);
    std::vector<std::thread> threads;
    for (std::string& out : printed) threads.emplace_back([this, &out] { out = Print(); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::set<std::string>(printed.begin(), printed.end()).size(), 1U);
    EXPECT_EQ(server_.counts().renew_calls, generation);
  }
  EXPECT_EQ(server_.counts().generations, kGenerations);
  EXPECT_EQ(server_.counts().reuses, 0);
}

TEST_F(TokenKeeperTest, ALostAnswerIsAskedForAgainWithTheSameToken) {
  LetTokenAge();
  server_.LoseAnswers(1);
  const std::string first = Print();
  EXPECT_EQ(server_.counts().renew_calls, 2);
  EXPECT_EQ(server_.counts().generations, 1);
  LetTokenAge();
  EXPECT_NE(Print(), first);
  EXPECT_EQ(server_.counts().reuses, 0);
}

TEST_F(TokenKeeperTest, AnAnswerThatMayBeLostIsAskedForAgainWhateverTheCode) {
  for (const auto code :
       {grpc::StatusCode::INTERNAL, grpc::StatusCode::UNKNOWN, grpc::StatusCode::CANCELLED,
        grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::DEADLINE_EXCEEDED}) {
    const std::string before = Print();
    LetTokenAge();
    server_.LoseAnswers(1, code);
    EXPECT_NE(Print(), before) << code;
  }
  EXPECT_EQ(server_.counts().generations, 5);
  EXPECT_EQ(server_.counts().reuses, 0);
}

TEST_F(TokenKeeperTest, ALiveTokenIsUsedThoughItCannotBeRenewed) {
  const std::string before = Print();
  LetTokenAge();
  server_.LoseAnswers(2);
  EXPECT_EQ(Print(), before);
  EXPECT_NE(Print(), before) << "the next command finds the successor by the grace rule";
  EXPECT_EQ(server_.counts().reuses, 0);
}

TEST_F(TokenKeeperTest, ADeadTokenThatCannotBeRenewedIsUnavailableAndKept) {
  clock_.Advance(absl::Hours(1));
  server_.LoseAnswers(2);
  const Ran ran = Run({"token", "print"});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_EQ(ran.out, "");
  EXPECT_TRUE(Credentials().Load("")->has_value());
}

TEST_F(TokenKeeperTest, AnEndedSessionIsForgottenAndSaysToLogInAgain) {
  const std::string refresh((*Credentials().Load(""))->refresh_token.Reveal());
  tessera::v1::LogoutRequest request;
  tessera::v1::LogoutResponse response;
  request.set_refresh_token(refresh);
  ASSERT_TRUE(server_.Logout(nullptr, &request, &response).ok());
  LetTokenAge();
  const Ran ran = Run({"whoami"});
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(ran.err,
            "tessera: SESSION_ENDED: the session has ended; log in again with `tessera login`\n");
  EXPECT_FALSE(Credentials().Load("")->has_value());
}

TEST_F(TokenKeeperTest, ARefusalWithoutAReasonOfTesseraIsNotTheEndOfASession) {
  LetTokenAge();
  for (const char* text : {"", "please log in at the proxy", "BAD_CREDENTIALS: no", "AUTH_X: no"}) {
    server_.RefuseSessions({grpc::StatusCode::UNAUTHENTICATED, text});
    for (const char* command : {"whoami", "logout"}) {
      EXPECT_EQ(Run({command}).code, ExitCode::kUnauthenticated) << command << ' ' << text;
      EXPECT_TRUE(Credentials().Load("")->has_value()) << command << ' ' << text;
    }
  }
  server_.RefuseSessions(grpc::Status::OK);
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kOk);
}

TEST_F(TokenKeeperTest, EachReasonOfTesseraForARefusedRefreshTokenEndsTheSession) {
  for (const char* why : {"SESSION_ENDED", "REFRESH_REUSED", "TOKEN_MALFORMED", "TOKEN_EXPIRED"}) {
    ASSERT_EQ(Login().code, ExitCode::kOk);
    LetTokenAge();
    server_.RefuseSessions({grpc::StatusCode::UNAUTHENTICATED, std::string(why) + ": over"});
    EXPECT_EQ(Run({"whoami"}).code, ExitCode::kUnauthenticated) << why;
    EXPECT_FALSE(Credentials().Load("")->has_value()) << why;
  }
}

TEST_F(TokenKeeperTest, ATokenThatTheServerRefusesIsReplacedOnceAndTheCallRepeated) {
  std::string token = Print();
  token.pop_back();
  server_.RefuseToken(token);
  const Ran ran = Run({"whoami"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(server_.counts().renew_calls, 1);
}

TEST_F(TokenKeeperTest, TokensGoToNoOtherServer) {
  tessera::testing::FakeTesserad other(clock_);
  LetTokenAge();
  for (const char* command : {"whoami", "logout"}) {
    const Ran ran = Run({command, "--server", other.address(), "--plaintext"});
    EXPECT_NE(ran.code, ExitCode::kOk) << command;
    EXPECT_NE(ran.err.find("the stored login is for " + server_.address()), std::string::npos);
  }
  EXPECT_EQ(other.counts().renew_calls, 0);
  EXPECT_TRUE(Credentials().Load("")->has_value());
}

TEST_F(TokenKeeperTest, CredentialsThatOthersCouldReadAreNotUsed) {
  ::chmod(home_.Path("config/credentials/default/self.json").c_str(), 0644);
  const Ran ran = Run({"token", "print"});
  EXPECT_EQ(ran.code, ExitCode::kConflict);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("UNSAFE_FILE"), std::string::npos);
}

}  // namespace
}  // namespace tessera::cli
