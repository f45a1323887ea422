// Second factors are offered, confirmed, replaced and taken, on real stores.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/user/second_factor_room.h"

namespace tessera::server {
namespace {

using SecondFactorChangesTest = SecondFactorRoom;

TEST_F(SecondFactorChangesTest, AnOfferChangesNothingUntilItIsConfirmed) {
  Offer();
  EXPECT_TRUE(std::holds_alternative<IssuedGrant>(*Ask(call_)));
  EXPECT_EQ(ReasonOf(factors_->Confirm(call_, ada_.id, WrongCode()).status()), reason::kCodeWrong);
  EXPECT_TRUE(std::holds_alternative<IssuedGrant>(*Ask(call_)));
  EXPECT_TRUE(factors_->Confirm(call_, ada_.id, CodeIn()).ok());
  EXPECT_TRUE(std::holds_alternative<IssuedChallenge>(*Ask(call_)));
  EXPECT_TRUE(Named("ada").totp_enrolled);
}

// The proofs so far are void: under an attack on the name the next login would wait behind it.
TEST_F(SecondFactorChangesTest, GivingAndTakingAnswerAProofForTheNextLogin) {
  Offer();
  const auto confirmed = factors_->Confirm(call_, ada_.id, CodeIn());
  ASSERT_TRUE(confirmed.ok()) << confirmed.status();
  EXPECT_TRUE(IsProofOfAda(confirmed->device_proof));
  NextStep();
  const auto taken = factors_->Disable(call_, ada_.id, TotpAnswer{CodeIn()});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE(IsProofOfAda(*taken));
  EXPECT_FALSE(IsProofOfAda(confirmed->device_proof));
}

TEST_F(SecondFactorChangesTest, OtherRecoveryCodesEndTheOnesBefore) {
  EXPECT_EQ(WhyNotReplaced(TotpAnswer{Secret("123456")}), reason::kTotpNotEnrolled);
  const std::vector<Secret> before = Enroll();
  const auto after = factors_->RegenerateCodes(call_, ada_.id, TotpAnswer{CodeIn()});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(WhyNot(Challenge(), RecoveryAnswer{before[0]}), reason::kCodeWrong);
  EXPECT_TRUE(Complete(Challenge(), RecoveryAnswer{after->front()}).ok());
}

// Whoever has stolen the token of a login with the factor has no factor.
TEST_F(SecondFactorChangesTest, WithoutARightAnswerNothingIsTakenOrReplaced) {
  ThrottlePolicy generous;
  generous.attempts = 100;
  throttle_.emplace(generous, LoginThrottle::Parts{*store_, *keys_, clock_, log_});
  Offer();
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), reason::kTotpNotEnrolled);  // it only waits
  const std::vector<Secret> codes = Enroll();
  for (const FactorAnswer& wrong :
       {FactorAnswer(TotpAnswer{WrongCode()}), FactorAnswer(TotpAnswer{Secret()}),
        FactorAnswer(TotpAnswer{CodeIn(-1)}),  // the confirmation's
        FactorAnswer(RecoveryAnswer{CodeIn()}),
        FactorAnswer(RecoveryAnswer{Secret("00000-00000")})}) {
    EXPECT_EQ(WhyNotDisabled(wrong), reason::kCodeWrong);
    EXPECT_EQ(WhyNotReplaced(wrong), reason::kCodeWrong);
  }
  EXPECT_TRUE(Named("ada").totp_enrolled);
  EXPECT_EQ(CountCodes(), 10u);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(Complete(Challenge(), RecoveryAnswer{codes[0]}).ok());
}

TEST_F(SecondFactorChangesTest, AnAnswerThatTakesOrReplacesIsUsedUp) {
  const std::vector<Secret> codes = Enroll();
  EXPECT_EQ(WhyNotReplaced(TotpAnswer{CodeIn()}), "");
  EXPECT_EQ(WhyNotReplaced(TotpAnswer{CodeIn()}), reason::kCodeWrong);
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), reason::kCodeWrong);
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn()}), reason::kCodeWrong);
  NextStep();
  ASSERT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn()}).ok());
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), reason::kCodeWrong);  // the login's
  EXPECT_EQ(WhyNotReplaced(RecoveryAnswer{codes[0]}), reason::kCodeWrong);
  NextStep();
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), "");
}

TEST_F(SecondFactorChangesTest, ARecoveryCodeTakesTheFactorOfOneWhoHasLostIt) {
  const std::vector<Secret> codes = Enroll();
  EXPECT_EQ(WhyNotDisabled(RecoveryAnswer{codes[0]}), "");
  EXPECT_FALSE(Named("ada").totp_enrolled);
}

TEST_F(SecondFactorChangesTest, AnswersThatTakeAreCountedWithThoseOfLogins) {
  Enroll();
  std::string why;
  for (int i = 0; i < 100 && why != reason::kThrottled; ++i) {
    why = i % 2 == 0 ? WhyNotDisabled(TotpAnswer{WrongCode()})
                     : WhyNotReplaced(TotpAnswer{WrongCode()});
  }
  EXPECT_EQ(why, reason::kThrottled);
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), reason::kThrottled);
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn()}), reason::kThrottled);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), "");
}

// Ten codes are what one may keep; twenty would be what two made.
TEST_F(SecondFactorChangesTest, TwoWhoReplaceAtOnceLeaveTenCodes) {
  std::vector<Secret> codes = Enroll();
  for (int round = 0; round < 5; ++round) {
    const std::vector<FactorAnswer> answers = {RecoveryAnswer{codes[0]}, RecoveryAnswer{codes[1]},
                                               TotpAnswer{CodeIn()}};
    std::vector<std::thread> threads;
    threads.reserve(answers.size());
    for (const FactorAnswer& answer : answers) {
      threads.emplace_back([&, answer] {
        // Of no interest here: behind another's change the answer may be void.
        factors_->RegenerateCodes(call_, ada_.id, answer).status().IgnoreError();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(CountCodes(), 10u);
    clock_.Advance(absl::Hours(1));
    auto next = factors_->RegenerateCodes(call_, ada_.id, TotpAnswer{CodeIn()});
    ASSERT_TRUE(next.ok()) << next.status();
    codes = *std::move(next);
    NextStep();
  }
}

// Whoever has stolen a fresh token would else put an authenticator of their own in the way.
TEST_F(SecondFactorChangesTest, WithoutThePasswordNoFactorIsOffered) {
  Offer();

  EXPECT_EQ(ReasonOf(AskToEnroll("another password").status()), reason::kBadCredentials);
  EXPECT_EQ(ReasonOf(AskToEnroll("").status()), reason::kBadCredentials);
  EXPECT_TRUE(factors_->Confirm(call_, ada_.id, CodeIn()).ok());  // what was offered before stays
  EXPECT_NE(log_.Text().find("wrong_password"), std::string::npos);
}

TEST_F(SecondFactorChangesTest, PasswordsOfEnrolmentsAreCounted) {
  std::string why;
  for (int i = 0; i < 100 && why != reason::kThrottled; ++i) {
    why = ReasonOf(AskToEnroll("guess " + std::to_string(i)).status());
  }
  EXPECT_EQ(why, reason::kThrottled);
  EXPECT_EQ(ReasonOf(AskToEnroll().status()), reason::kThrottled);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(AskToEnroll().ok());
}

TEST_F(SecondFactorChangesTest, APasswordThatWasChangedMeanwhileOffersNothing) {
  auto found = factors_->FindForEnrolment(call_, ada_.id);
  ASSERT_TRUE(found.ok());
  const auto owner = factors_->CheckPassword(call_, *found, Secret::CopyOf(kPassword));
  ASSERT_TRUE(owner.ok()) << owner.status();
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kDisabled).ok());
  EXPECT_EQ(ReasonOf(factors_->Enroll(call_, *owner).status()), reason::kBadCredentials);
  found = factors_->FindForEnrolment(call_, ada_.id);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(ReasonOf(factors_->CheckPassword(call_, *found, Secret::CopyOf(kPassword)).status()),
            reason::kBadCredentials);
}

TEST_F(SecondFactorChangesTest, GivingOrTakingAFactorEndsTheSessions) {
  const auto before = Login("ada");
  ASSERT_TRUE(before.ok());
  const std::vector<Secret> codes = Enroll();
  EXPECT_EQ(WhyInactive(before->access_token), reason::kTokenRevoked);
  EXPECT_EQ(ReasonOf(auth_->Renew(call_, before->refresh_token).status()), reason::kSessionEnded);
  const auto with = Complete(Challenge(), TotpAnswer{CodeIn()});
  ASSERT_TRUE(with.ok());
  NextStep();
  ASSERT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), "");
  EXPECT_EQ(WhyInactive(with->access_token), reason::kTokenRevoked);
  EXPECT_TRUE(std::holds_alternative<IssuedGrant>(*Ask(call_)));
  EXPECT_EQ(WhyNotDisabled(TotpAnswer{CodeIn()}), reason::kTotpNotEnrolled);
  // The codes have gone with it.
  Enroll();
  EXPECT_EQ(WhyNot(Challenge(), RecoveryAnswer{codes[0]}), reason::kCodeWrong);
}

TEST_F(SecondFactorChangesTest, AConfirmedFactorIsNotEnrolledOverNorConfirmedTwice) {
  Enroll();
  EXPECT_EQ(ReasonOf(AskToEnroll().status()), reason::kTotpEnrolled);
  EXPECT_EQ(ReasonOf(factors_->Confirm(call_, ada_.id, CodeIn()).status()), reason::kTotpEnrolled);
}

TEST_F(SecondFactorChangesTest, NothingIsConfirmedThatWasNotOffered) {
  EXPECT_EQ(ReasonOf(factors_->Confirm(call_, ada_.id, Secret("123456")).status()),
            reason::kTotpNotEnrolled);
}

TEST_F(SecondFactorChangesTest, AnAdministratorResetsOthersOnly) {
  Enroll();
  const storage::User eve = Add("eve");
  EXPECT_EQ(ReasonOf(factors_->Reset(call_, eve.id, ada_.id)), reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(factors_->Reset(call_, ada_.id, ada_.id)), reason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(factors_->Reset(call_, admin_, eve.id)), reason::kTotpNotEnrolled);
  EXPECT_EQ(ReasonOf(factors_->Reset(call_, admin_, UserId("usr_none"))), reason::kUserNotFound);
  EXPECT_TRUE(Named("ada").totp_enrolled);
  EXPECT_TRUE(factors_->Reset(call_, admin_, ada_.id).ok());
  EXPECT_FALSE(Named("ada").totp_enrolled);
}

TEST_F(SecondFactorChangesTest, FirstCodesAreCountedToo) {
  Offer();
  std::string why;
  for (int i = 0; i < 100 && why != reason::kThrottled; ++i) {
    why = ReasonOf(factors_->Confirm(call_, ada_.id, WrongCode()).status());
  }
  EXPECT_EQ(why, reason::kThrottled);
}

}  // namespace
}  // namespace tessera::server
