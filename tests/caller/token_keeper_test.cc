// When tokens are asked for, and who waits for them.
#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/caller/keeper_room.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

using TokenKeeperTest = KeeperRoom;

TEST_F(TokenKeeperTest, AsksForNothingBeforeTheFirstCall) {
  ExpectQuiet();
  EXPECT_EQ(Now(), "waiting");
  ExpectQuiet();
}

TEST_F(TokenKeeperTest, OneLoginAnswersAllWhoWait) {
  std::vector<std::shared_ptr<HandWaiter>> waiters;
  for (int i = 0; i < 100; ++i) waiters.push_back(Wait());
  auto login = source_->Next();
  EXPECT_EQ(login.what, "login");
  ExpectQuiet();
  login.grant(GrantOf(1));
  for (const auto& waiter : waiters) EXPECT_EQ(waiter->text(), "access-1");
}

TEST_F(TokenKeeperTest, ForgottenWaitersAreNotAnswered) {
  const auto waiter = Wait();
  auto login = source_->Next();
  keeper_->Forget(*waiter);
  login.grant(GrantOf(1));
  EXPECT_EQ(waiter->text(), "waiting");
}

TEST_F(TokenKeeperTest, DoesNotRenewBeforeSevenTenthsOfTheLife) {
  LogIn();
  Advance(kLife * 0.7);  // 80 %, less a tenth of it by chance, is 72 %
  ExpectQuiet();
}

TEST_F(TokenKeeperTest, RenewsByItselfAtEightTenthsOfTheLifeWhileCallsGoOn) {
  LogIn();
  Advance(kLife * 0.8);
  auto renewal = source_->Next();
  EXPECT_EQ(renewal.what, "renew refresh-1 access-1");
  EXPECT_EQ(Now(), "access-1");
  ExpectQuiet();
  renewal.grant(GrantOf(2));
  EXPECT_EQ(Now(), "access-2");
}

TEST_F(TokenKeeperTest, ACallNoticesThatARenewalIsDue) {
  LogIn();
  clock_.Advance(kLife * 0.8);
  EXPECT_EQ(Now(), "access-1");
  EXPECT_EQ(source_->Next().what, "renew refresh-1 access-1");
}

TEST_F(TokenKeeperTest, AWallClockThatJumpsAheadCausesARenewal) {
  LogIn();
  clock_.SetWall(clock_.Now() + kLife * 0.9);
  keeper_->LookAgain();
  EXPECT_EQ(source_->Next().what, "renew refresh-1 access-1");
}

TEST_F(TokenKeeperTest, AClockBehindTheServersDoesNotStretchTheLife) {
  LogIn();
  clock_.SetWall(clock_.Now() - absl::Hours(5));
  Advance(kLife);
  EXPECT_EQ(Now(), "waiting");
}

TEST_F(TokenKeeperTest, TheTokenIsLiveUntilItsLastMomentAndNotAtItsEnd) {
  LogIn();
  Advance(kLife - absl::Nanoseconds(1));
  EXPECT_EQ(source_->Next().what, "renew refresh-1 access-1");  // which hangs
  EXPECT_EQ(Now(), "access-1");
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Now(), "waiting");
}

TEST_F(TokenKeeperTest, AFailedRenewalIsRetriedWithTheSameRefreshTokenWhileTheTokenLives) {
  LogIn();
  Advance(kLife * 0.8);
  source_->Next().grant(Away());
  EXPECT_EQ(Now(), "access-1");
  ExpectQuiet();  // the fake clock stands: the pause is not over
  Advance(Backoff::kFirst);
  auto again = source_->Next();
  EXPECT_EQ(again.what, "renew refresh-1 access-1");
  again.grant(GrantOf(2));
  EXPECT_EQ(Now(), "access-2");
  EXPECT_TRUE(keeper_->LastFailure().ok());
}

TEST_F(TokenKeeperTest, ThePauseBetweenTriesGrowsToFiveSecondsAndNoFurther) {
  LogIn();
  Advance(kLife * 0.8);
  absl::Duration pause = Backoff::kFirst;
  for (int i = 0; i < 9; ++i) {
    source_->Next().grant(Away());
    Advance(pause * 0.79);
    EXPECT_EQ(source_->Next(absl::Milliseconds(5)).what, "nothing") << pause;
    Advance(pause * 0.21);
    pause = std::min(pause * 2, Backoff::kLongest);
  }
  EXPECT_EQ(pause, absl::Seconds(5));
}

TEST_F(TokenKeeperTest, TheServersRetryDelayIsFollowed) {
  const auto waiter = Wait();
  source_->Next().grant(RetryableRefusal(absl::StatusCode::kUnavailable, reason::kThrottled,
                                         "too many", absl::Seconds(20)));
  Advance(absl::Seconds(19));
  ExpectQuiet();
  Advance(absl::Seconds(1));
  source_->Next().grant(GrantOf(1));
  EXPECT_EQ(waiter->text(), "access-1");
}

TEST_F(TokenKeeperTest, CallsWaitThroughALoginThatCannotReachTheServer) {
  const auto waiter = Wait();
  source_->Next().grant(Away());
  EXPECT_EQ(waiter->text(), "waiting");
  Advance(Backoff::kFirst);
  source_->Next().grant(GrantOf(1));
  EXPECT_EQ(waiter->text(), "access-1");
}

TEST_F(TokenKeeperTest, LogoutEndsTheSessionAndTheNextCallLogsIn) {
  LogIn();
  std::thread answer([&] {
    auto logout = source_->Next();
    EXPECT_EQ(logout.what, "logout refresh-1");
    logout.done(absl::OkStatus());
  });
  EXPECT_TRUE(keeper_->Logout().ok());
  answer.join();
  ExpectQuiet();
  EXPECT_EQ(Now(), "waiting");
  Wait();
  EXPECT_EQ(source_->Next().what, "login");
}

TEST_F(TokenKeeperTest, ALogoutThatDidNotReachTheServerKeepsTheSession) {
  LogIn();
  std::thread answer([&] { source_->Next().done(Away()); });
  EXPECT_TRUE(absl::IsUnavailable(keeper_->Logout()));
  answer.join();
  EXPECT_EQ(Now(), "access-1");
}

TEST_F(TokenKeeperTest, LogoutWithoutASessionAsksNothing) {
  EXPECT_TRUE(keeper_->Logout().ok());
  ExpectQuiet();
}

TEST_F(TokenKeeperTest, LogoutWaitsForTheRequestInFlight) {
  LogIn();
  Advance(kLife * 0.8);
  auto renewal = source_->Next();
  std::thread answer([&] {
    EXPECT_EQ(source_->Next(absl::Milliseconds(50)).what, "nothing");
    renewal.grant(GrantOf(2));
    auto logout = source_->Next();
    EXPECT_EQ(logout.what, "logout refresh-2");
    logout.done(absl::OkStatus());
  });
  EXPECT_TRUE(keeper_->Logout().ok());
  answer.join();
}

TEST_F(TokenKeeperTest, CloseAnswersAllWhoWaitAndAllWhoComeLater) {
  const auto waiter = Wait();
  auto login = source_->Next();
  keeper_->Close();
  EXPECT_THAT(waiter->text(), HasSubstr("CALLER_CLOSED"));
  EXPECT_THAT(Now(), HasSubstr("CALLER_CLOSED"));
  login.grant(GrantOf(1));  // too late: changes nothing
  EXPECT_THAT(Now(), HasSubstr("CALLER_CLOSED"));
  EXPECT_THAT(std::string(keeper_->Logout().message()), HasSubstr("CALLER_CLOSED"));
}

// The server renews only what has expired: the token is kept, and early renewal is over.
// Its clock is a little ahead: it is asked again, and no call sees an error.
// What was asked while the token lived says nothing of the time behind its end: no pause.
// A new session may renew early again.
// A service refused the token, and tesserad does not replace it before it has expired: the calls
// must not wait for that.
// A service account's grants have no refresh token: there is nothing to end at the server.
TEST_F(TokenKeeperTest, AGrantWithoutARefreshTokenIsAskedForAgainAndDroppedAtLogout) {
  Wait();
  Grant grant = GrantOf(1);
  grant.refresh_token = Secret();
  source_->Next().grant(grant);
  ASSERT_EQ(Now(), "access-1");
  Advance(kLife * 0.8);
  auto next = source_->Next();
  ASSERT_EQ(next.what, "renew  access-1");
  grant.access_token = Secret("access-2");
  next.grant(grant);
  EXPECT_EQ(Now(), "access-2");
  EXPECT_TRUE(keeper_->Logout().ok());
  EXPECT_EQ(Now(), "waiting");
  EXPECT_EQ(source_->Next(absl::Milliseconds(100)).what, "nothing");
}

}  // namespace
}  // namespace tessera
