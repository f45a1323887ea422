// What the keeper does when a service refuses its token, or the auth server its renewal.
#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/caller/keeper_room.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

using TokenRefusalsTest = KeeperRoom;

TEST_F(TokenRefusalsTest, AnEndedSessionIsFollowedByALogin) {
  LogIn();
  Advance(kLife * 0.8);
  source_->Next().grant(Ended());
  auto login = source_->Next();
  EXPECT_EQ(login.what, "login");
  EXPECT_EQ(Now(), "access-1");
  login.grant(GrantOf(7));
  EXPECT_EQ(Now(), "access-7");
}

TEST_F(TokenRefusalsTest, WrongCredentialsAnswerAllWhoWaitAndAreNotTriedInALoop) {
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

TEST_F(TokenRefusalsTest, WrongCredentialsInTheBackgroundLeaveTheLiveTokenAlone) {
  LogIn();
  Advance(kLife * 0.8);
  source_->Next().grant(Ended());
  source_->Next().grant(Wrong());
  EXPECT_EQ(Now(), "access-1");
  Advance(absl::Minutes(1));
  ExpectQuiet();
}

TEST_F(TokenRefusalsTest, ARefusedTokenIsDroppedAndReplaced) {
  LogIn();
  keeper_->Refused(Serial());
  EXPECT_EQ(Now(), "waiting");
  source_->Next().grant(GrantOf(2));
  EXPECT_EQ(Now(), "access-2");
}

TEST_F(TokenRefusalsTest, ManyRefusalsOfOneTokenCauseOneRenewal) {
  LogIn();
  const uint64_t serial = Serial();
  for (int i = 0; i < 100; ++i) keeper_->Refused(serial);
  auto renewal = source_->Next();
  ExpectQuiet();
  renewal.grant(GrantOf(2));
  ExpectQuiet();
}

TEST_F(TokenRefusalsTest, TheRefusalOfAnOldTokenDoesNotDropTheNewOne) {
  LogIn();
  const uint64_t old = Serial();
  Advance(kLife * 0.8);
  source_->Next().grant(GrantOf(2));
  keeper_->Refused(old);
  EXPECT_EQ(Now(), "access-2");
  ExpectQuiet();
}

TEST_F(TokenRefusalsTest, TokensThatAreRefusedAgainAndAgainCostOneRenewalASecond) {
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

absl::Status TooEarly(absl::Duration left) {
  return RetryableRefusal(absl::StatusCode::kFailedPrecondition, reason::kAccessTokenNotExpired,
                          "too early", left);
}

TEST_F(TokenRefusalsTest, ATokenThatMayNotBeRenewedYetIsKeptAndRenewedWhenItHasExpired) {
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

TEST_F(TokenRefusalsTest, ATokenThatHasExpiredHereAndNotThereIsAskedForAgain) {
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

TEST_F(TokenRefusalsTest, ARefusalOfEarlyRenewalThatComesBehindTheEndHoldsNobodyUp) {
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

TEST_F(TokenRefusalsTest, EarlyRenewalIsSwitchedOffForOneSessionOnly) {
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

TEST_F(TokenRefusalsTest, ADroppedTokenThatMayNotBeRenewedYetIsReplacedByALogin) {
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

}  // namespace
}  // namespace tessera
