#include "tessera/caller/token_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"
#include "tests/base/fake_clock.h"

namespace tessera {
namespace {

using testing::FakeClock;
using ::testing::HasSubstr;

constexpr absl::Duration kLife = absl::Minutes(15);
constexpr absl::Duration kSoon = absl::Seconds(10);  // real time; only a broken build waits it out

// A source whose requests the test answers.
class HandSource final : public GrantSource {
 public:
  struct Asked {
    std::string what;  // `login`, `renew refresh-1` ...
    GrantDone grant;
    Done done;
  };

  void Login(GrantDone done) override { Add({"login", std::move(done), nullptr}); }
  void Renew(const Grant& held, GrantDone done) override {
    Add({absl::StrCat("renew ", std::string(held.refresh_token.Reveal()), " ",
                      std::string(held.access_token.Reveal())),
         std::move(done), nullptr});
  }
  void Logout(const Secret& token, Done done) override {
    Add({"logout " + std::string(token.Reveal()), nullptr, std::move(done)});
  }
  void Close() override {}

  // The next request; `nothing` if none comes.
  Asked Next(absl::Duration limit = kSoon) {
    const absl::Duration end = SystemClock().Monotonic() + limit;
    MutexLock lock(mu_);
    while (asked_.empty()) {
      const absl::Duration left = end - SystemClock().Monotonic();
      if (left <= absl::ZeroDuration()) return {"nothing", nullptr, nullptr};
      changed_.WaitFor(mu_, left);
    }
    Asked asked = std::move(asked_.front());
    asked_.pop_front();
    return asked;
  }

 private:
  void Add(Asked asked) {
    MutexLock lock(mu_);
    asked_.push_back(std::move(asked));
    changed_.NotifyAll();
  }

  Mutex mu_;
  CondVar changed_;
  std::deque<Asked> asked_ ABSL_GUARDED_BY(mu_);
};

// A waiter that the test asks for its answer.
class HandWaiter final : public TokenWaiter {
 public:
  void Answer(TokenResult result) override {
    MutexLock lock(mu_);
    EXPECT_FALSE(result_.has_value()) << "answered twice";
    result_ = std::move(result);
  }
  std::string text() {
    MutexLock lock(mu_);
    if (!result_.has_value()) return "waiting";
    return result_->ok() ? std::string((**result_)->text.Reveal())
                         : std::string(result_->status().message());
  }

 private:
  Mutex mu_;
  std::optional<TokenResult> result_ ABSL_GUARDED_BY(mu_);
};

absl::Status Away() {
  return Refusal(absl::StatusCode::kUnavailable, reason::kAuthServerUnavailable, "away");
}
absl::Status Wrong() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kBadCredentials, "wrong");
}
absl::Status Ended() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kSessionEnded, "ended");
}

class TokenKeeperTest : public ::testing::Test {
 protected:
  TokenKeeperTest() {
    auto source = std::make_unique<HandSource>();
    source_ = source.get();
    TokenKeeperOptions options;
    options.clock = &clock_;
    options.request_timeout = kSoon;
    keeper_ = TokenKeeper::Start(std::move(source), options);
  }
  ~TokenKeeperTest() override { keeper_->Close(); }

  Grant GrantOf(int n) {
    Grant grant;
    grant.access_token = Secret(absl::StrCat("access-", n));
    grant.refresh_token = Secret(absl::StrCat("refresh-", n));
    grant.access_expires_at = clock_.Now() + kLife;
    return grant;
  }
  // What a call gets now, or `waiting`.
  std::string Now() {
    const auto now = keeper_->Current();
    if (!now.has_value()) return "waiting";
    return now->ok() ? std::string((**now)->text.Reveal()) : std::string(now->status().message());
  }
  uint64_t Serial() { return (*keeper_->Current().value())->serial; }
  std::shared_ptr<HandWaiter> Wait() {
    auto waiter = std::make_shared<HandWaiter>();
    EXPECT_FALSE(keeper_->CurrentOrWait(waiter).has_value());
    return waiter;
  }
  void LogIn() {
    Wait();
    auto login = source_->Next();
    ASSERT_EQ(login.what, "login");
    login.grant(GrantOf(1));
    ASSERT_EQ(Now(), "access-1");
  }
  // The fake clock goes on, and the keeper notices.
  void Advance(absl::Duration step) {
    clock_.Advance(step);
    keeper_->LookAgain();
  }
  // Nothing is asked: given long enough for a keeper that would ask.
  void ExpectQuiet() { EXPECT_EQ(source_->Next(absl::Milliseconds(50)).what, "nothing"); }

  FakeClock clock_;
  HandSource* source_ = nullptr;
  std::shared_ptr<TokenKeeper> keeper_;
};

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

TEST_F(TokenKeeperTest, AnEndedSessionIsFollowedByALogin) {
  LogIn();
  Advance(kLife * 0.8);
  source_->Next().grant(Ended());
  auto login = source_->Next();
  EXPECT_EQ(login.what, "login");
  EXPECT_EQ(Now(), "access-1");
  login.grant(GrantOf(7));
  EXPECT_EQ(Now(), "access-7");
}

TEST_F(TokenKeeperTest, WrongCredentialsAnswerAllWhoWaitAndAreNotTriedInALoop) {
  const auto waiter = Wait();
  source_->Next().grant(Wrong());
  EXPECT_THAT(waiter->text(), HasSubstr("BAD_CREDENTIALS"));
  EXPECT_THAT(Now(), HasSubstr("BAD_CREDENTIALS"));
  Advance(TokenKeeper::kRefusalPause - absl::Nanoseconds(1));
  EXPECT_THAT(Now(), HasSubstr("BAD_CREDENTIALS"));
  Advance(absl::Nanoseconds(1));
  ExpectQuiet();  // nobody asks
  const auto next = Wait();
  source_->Next().grant(GrantOf(1));
  EXPECT_EQ(next->text(), "access-1");
}

TEST_F(TokenKeeperTest, WrongCredentialsInTheBackgroundLeaveTheLiveTokenAlone) {
  LogIn();
  Advance(kLife * 0.8);
  source_->Next().grant(Ended());
  source_->Next().grant(Wrong());
  EXPECT_EQ(Now(), "access-1");
  Advance(absl::Minutes(1));
  ExpectQuiet();
}

TEST_F(TokenKeeperTest, ARefusedTokenIsDroppedAndReplaced) {
  LogIn();
  keeper_->Refused(Serial());
  EXPECT_EQ(Now(), "waiting");
  source_->Next().grant(GrantOf(2));
  EXPECT_EQ(Now(), "access-2");
}

TEST_F(TokenKeeperTest, ManyRefusalsOfOneTokenCauseOneRenewal) {
  LogIn();
  const uint64_t serial = Serial();
  for (int i = 0; i < 100; ++i) keeper_->Refused(serial);
  auto renewal = source_->Next();
  ExpectQuiet();
  renewal.grant(GrantOf(2));
  ExpectQuiet();
}

TEST_F(TokenKeeperTest, TheRefusalOfAnOldTokenDoesNotDropTheNewOne) {
  LogIn();
  const uint64_t old = Serial();
  Advance(kLife * 0.8);
  source_->Next().grant(GrantOf(2));
  keeper_->Refused(old);
  EXPECT_EQ(Now(), "access-2");
  ExpectQuiet();
}

TEST_F(TokenKeeperTest, TokensThatAreRefusedAgainAndAgainCostOneRenewalASecond) {
  LogIn();
  keeper_->Refused(Serial());
  source_->Next().grant(GrantOf(2));
  keeper_->Refused(Serial());
  EXPECT_EQ(Now(), "access-2");
  Advance(TokenKeeper::kDropPause);
  keeper_->Refused(Serial());
  EXPECT_EQ(Now(), "waiting");
  EXPECT_EQ(source_->Next().what, "renew refresh-2 access-2");
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

absl::Status TooEarly(absl::Duration left) {
  return RetryableRefusal(absl::StatusCode::kFailedPrecondition, reason::kAccessTokenNotExpired,
                          "too early", left);
}

// The server renews only what has expired: the token is kept, and early renewal is over.
TEST_F(TokenKeeperTest, ATokenThatMayNotBeRenewedYetIsKeptAndRenewedWhenItHasExpired) {
  LogIn();
  Advance(kLife * 0.8);
  auto early = source_->Next();
  ASSERT_EQ(early.what, "renew refresh-1 access-1");
  early.grant(TooEarly(kLife * 0.2));
  EXPECT_EQ(Now(), "access-1");
  Advance(kLife * 0.2 - absl::Seconds(1));
  EXPECT_EQ(Now(), "access-1");
  EXPECT_EQ(source_->Next(absl::Milliseconds(100)).what, "nothing");
  Advance(absl::Seconds(1));
  auto due = source_->Next();
  ASSERT_EQ(due.what, "renew refresh-1 access-1");
  due.grant(GrantOf(2));
  EXPECT_EQ(Now(), "access-2");
  // For this session for good.
  Advance(kLife - absl::Seconds(1));
  EXPECT_EQ(Now(), "access-2");
  EXPECT_EQ(source_->Next(absl::Milliseconds(100)).what, "nothing");
  Advance(absl::Seconds(1));
  EXPECT_EQ(source_->Next().what, "renew refresh-2 access-2");
}

// Its clock is a little ahead: it is asked again, and no call sees an error.
TEST_F(TokenKeeperTest, ATokenThatHasExpiredHereAndNotThereIsAskedForAgain) {
  LogIn();
  Advance(kLife);
  auto waiter = Wait();
  auto due = source_->Next();
  ASSERT_EQ(due.what, "renew refresh-1 access-1");
  due.grant(TooEarly(absl::Seconds(1)));
  EXPECT_EQ(waiter->text(), "waiting");
  Advance(absl::Seconds(2));
  auto again = source_->Next();
  ASSERT_EQ(again.what, "renew refresh-1 access-1");
  again.grant(GrantOf(2));
  EXPECT_EQ(waiter->text(), "access-2");
}

// What was asked while the token lived says nothing of the time behind its end: no pause.
TEST_F(TokenKeeperTest, ARefusalOfEarlyRenewalThatComesBehindTheEndHoldsNobodyUp) {
  LogIn();
  Advance(kLife * 0.8);
  auto early = source_->Next();
  ASSERT_EQ(early.what, "renew refresh-1 access-1");
  Advance(kLife * 0.2);
  auto waiter = Wait();
  early.grant(TooEarly(kLife * 0.2));
  auto due = source_->Next();
  ASSERT_EQ(due.what, "renew refresh-1 access-1");
  due.grant(GrantOf(2));
  EXPECT_EQ(waiter->text(), "access-2");
}

// A new session may renew early again.
TEST_F(TokenKeeperTest, EarlyRenewalIsSwitchedOffForOneSessionOnly) {
  LogIn();
  Advance(kLife * 0.8);
  source_->Next().grant(TooEarly(kLife * 0.2));
  Advance(kLife * 0.2);
  source_->Next().grant(Ended());
  auto login = source_->Next();
  ASSERT_EQ(login.what, "login");
  login.grant(GrantOf(2));
  Advance(kLife * 0.8);
  EXPECT_EQ(source_->Next().what, "renew refresh-2 access-2");
}

// A service refused the token, and tesserad does not replace it before it has expired: the calls
// must not wait for that.
TEST_F(TokenKeeperTest, ADroppedTokenThatMayNotBeRenewedYetIsReplacedByALogin) {
  LogIn();
  keeper_->Refused(Serial());
  auto renewal = source_->Next();
  ASSERT_EQ(renewal.what, "renew refresh-1 access-1");
  renewal.grant(TooEarly(kLife));
  auto login = source_->Next();
  ASSERT_EQ(login.what, "login");
  login.grant(GrantOf(2));
  EXPECT_EQ(Now(), "access-2");
}

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
