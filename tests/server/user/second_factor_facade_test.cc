// Logins with a second factor, on real stores.
#include "server/user/second_factor_facade.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/auth/key_changes.h"
#include "server/auth/login_challenge.h"
#include "server/auth/store_restoration.h"
#include "tests/server/user/second_factor_room.h"

namespace tessera::server {
namespace {

using SecondFactorFacadeTest = SecondFactorRoom;

TEST_F(SecondFactorFacadeTest, WithoutAFactorALoginIsOneStep) {
  const auto outcome = Ask(call_);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(std::holds_alternative<IssuedGrant>(*outcome));
  const Claims claims = ClaimsOf(std::get<IssuedGrant>(*outcome));
  EXPECT_EQ(claims.amr, std::vector<std::string>{"pwd"});
  EXPECT_EQ(claims.acr, "aal1");
}

TEST_F(SecondFactorFacadeTest, ACodeEndsTheLoginAndTheTokenSaysSo) {
  Enroll();
  const auto grant = Complete(Challenge(), TotpAnswer{CodeIn()});
  ASSERT_TRUE(grant.ok()) << grant.status();
  const Claims claims = ClaimsOf(*grant);
  EXPECT_EQ(claims.subject, ada_.id.str());
  EXPECT_EQ(claims.amr, (std::vector<std::string>{"pwd", "otp", "mfa"}));
  EXPECT_EQ(claims.acr, "aal2");
  EXPECT_EQ(claims.auth_time, clock_.Now());
  // So do those of its renewals.
  const auto renewed = auth_->Renew(call_, grant->refresh_token);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(ClaimsOf(*renewed).amr, claims.amr);
}

TEST_F(SecondFactorFacadeTest, OpenSessionAloneIsNoWayAroundTheFactor) {
  Enroll();
  auto checked = CheckLogin("ada");
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *checked).status()), reason::kBadCredentials);
}

TEST_F(SecondFactorFacadeTest, ACodeIsGoodOnceAlsoForAnotherChallenge) {
  Enroll();
  const Secret first = Challenge();
  const Secret second = Challenge();
  EXPECT_TRUE(Complete(first, TotpAnswer{CodeIn()}).ok());
  EXPECT_EQ(WhyNot(second, TotpAnswer{CodeIn()}), reason::kCodeWrong);
  EXPECT_EQ(WhyNot(first, TotpAnswer{CodeIn()}), reason::kCodeWrong);
  EXPECT_EQ(WhyNot(first, TotpAnswer{CodeIn(-1)}), reason::kCodeWrong);
  NextStep();
  EXPECT_TRUE(Complete(second, TotpAnswer{CodeIn()}).ok());
}

TEST_F(SecondFactorFacadeTest, TheCodeOfTheConfirmationIsUsedUp) {
  Offer();
  ASSERT_TRUE(factors_->Confirm(call_, ada_.id, CodeIn()).ok());
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn()}), reason::kCodeWrong);
}

// Whoever reads over the shoulder has the code in the same second.
TEST_F(SecondFactorFacadeTest, OfTwoWhoShowTheSameCodeAtOnceOneGetsIn) {
  Enroll();
  const std::vector<Secret> challenges = {Challenge(), Challenge(), Challenge()};
  const Secret code = CodeIn();
  std::atomic<int> in{0};
  std::vector<std::thread> threads;
  for (const Secret& challenge : challenges) {
    threads.emplace_back([&, challenge] { in += Complete(challenge, TotpAnswer{code}).ok(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(in, 1);
}

TEST_F(SecondFactorFacadeTest, AnAuthenticatorsClockMayBeOffByTheDriftAndNoMore) {
  Enroll();
  NextStep();
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn(2)}), reason::kCodeWrong);
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn(-2)}), reason::kCodeWrong);
  EXPECT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn(-1)}).ok());
  EXPECT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn(1)}).ok());
}

TEST_F(SecondFactorFacadeTest, ARecoveryCodeIsGoodOnce) {
  const std::vector<Secret> codes = Enroll();
  ASSERT_EQ(codes.size(), 10u);
  const auto grant = Complete(Challenge(), RecoveryAnswer{codes[3]});
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(ClaimsOf(*grant).acr, "aal2");
  EXPECT_EQ(WhyNot(Challenge(), RecoveryAnswer{codes[3]}), reason::kCodeWrong);
  EXPECT_TRUE(Complete(Challenge(), RecoveryAnswer{codes[4]}).ok());
  // Neither passes for the other.
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{codes[5]}), reason::kCodeWrong);
  EXPECT_EQ(WhyNot(Challenge(), RecoveryAnswer{CodeIn()}), reason::kCodeWrong);
}

TEST_F(SecondFactorFacadeTest, AChallengeIsGoodForItsTime) {
  Enroll();
  const Secret challenge = Challenge();
  clock_.Advance(policy_.challenge_ttl);
  EXPECT_EQ(WhyNot(challenge, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
  EXPECT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn()}).ok());
}

// Whatever ends what the user holds ends the logins that are half way.
TEST_F(SecondFactorFacadeTest, AChallengeDiesWithTheUsersVersion) {
  Enroll();
  const Secret challenge = Challenge();
  ASSERT_TRUE(factors_->Reset(call_, admin_, ada_.id).ok());
  EXPECT_EQ(WhyNot(challenge, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
  Enroll();
  EXPECT_EQ(WhyNot(challenge, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
  const Secret second = Challenge();
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kDisabled).ok());
  EXPECT_EQ(WhyNot(second, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kActive).ok());
  EXPECT_EQ(WhyNot(second, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
  const Secret third = Challenge();
  ASSERT_TRUE(users_->Delete(call_, admin_, ada_.id, "").ok());
  EXPECT_EQ(WhyNot(third, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
}

TEST_F(SecondFactorFacadeTest, AChallengeBeginsWhatTheLoginAskedFor) {
  Enroll();
  SessionTerms terms;
  terms.device_id = "a-device-of-the-user";
  terms.device_label = "Ada's laptop";
  const Secret challenge = Challenge(terms);
  CallInfo other = call_;
  other.device_id = "a-device-of-another";
  EXPECT_EQ(ReasonOf(CompleteBy(other, challenge, TotpAnswer{CodeIn()}).status()),
            reason::kDeviceMismatch);
  EXPECT_NE(log_.Text().find("login.refused DEVICE_MISMATCH " + ada_.id.str()), std::string::npos);
  const auto grant = Complete(challenge, TotpAnswer{CodeIn()});
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(ClaimsOf(*grant).device_hash, DeviceHash("a-device-of-the-user"));
}

TEST_F(SecondFactorFacadeTest, AChallengeThatIsBoundToACertificateEndsWithItAlone) {
  Enroll();
  CallInfo with = call_;
  with.certificate.emplace();
  with.certificate->thumbprint = "own";
  SessionTerms terms;
  terms.bind_certificate = true;
  const auto outcome = Ask(with, terms);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const Secret challenge = std::get<IssuedChallenge>(*outcome).challenge_token;
  CallInfo other = with;
  other.certificate->thumbprint = "other";
  for (const CallInfo& call : {call_, other}) {
    EXPECT_EQ(ReasonOf(CompleteBy(call, challenge, TotpAnswer{CodeIn()}).status()),
              reason::kCertificateMismatch);
  }
  EXPECT_NE(log_.Text().find("login.refused CERTIFICATE_MISMATCH " + ada_.id.str()),
            std::string::npos);
  const auto grant = CompleteBy(with, challenge, TotpAnswer{CodeIn()});
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(ClaimsOf(*grant).certificate, "own");
}

// However many challenges there are, and whoever asks for them: the user is what is counted.
TEST_F(SecondFactorFacadeTest, GuessesAreCountedAcrossChallengesAndSources) {
  Enroll();
  int wrong = 0;
  std::string why;
  for (int i = 0; i < 100 && why != reason::kThrottled; ++i) {
    CallInfo call = call_;
    call.source = "192.0.2." + std::to_string(i);
    why = ReasonOf(CompleteBy(call, Challenge(), TotpAnswer{WrongCode()}).status());
    wrong += why == reason::kCodeWrong ? 1 : 0;
  }
  EXPECT_EQ(why, reason::kThrottled);
  EXPECT_LT(wrong, 20);
  // The right one neither, until the delay is over.
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn()}), reason::kThrottled);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn()}).ok());
}

TEST_F(SecondFactorFacadeTest, NoSecretAndNoCodeIsInTheLog) {
  const std::vector<Secret> codes = Enroll();
  const Secret challenge = Challenge();
  EXPECT_EQ(WhyNot(challenge, TotpAnswer{WrongCode()}), reason::kCodeWrong);
  ASSERT_TRUE(Complete(challenge, RecoveryAnswer{codes[0]}).ok());
  const std::string log = log_.Text();
  EXPECT_EQ(log.find(std::string(challenge.Reveal())), log.npos);
  EXPECT_EQ(log.find(std::string(Base32Of(secret_).Reveal())), log.npos);
  for (const Secret& code : codes) EXPECT_EQ(log.find(std::string(code.Reveal())), log.npos);
  EXPECT_NE(log.find("totp.confirmed"), log.npos);
  EXPECT_NE(log.find("wrong_code"), log.npos);
  EXPECT_NE(log.find("recovery_code"), log.npos);  // that one was used
}

TEST_F(SecondFactorFacadeTest, OtherHashesDigitsAndPeriodsWorkAndAreKeptByTheFactor) {
  SecondFactorPolicy policy;
  policy.enrolment = {TotpAlgorithm::kSha512, 8, absl::Seconds(60)};
  MakeFacades(policy);
  Enroll();
  EXPECT_EQ(CodeIn().Reveal().size(), 8u);
  const TotpParameters enrolled = policy_.enrolment;
  MakeFacades({});  // the configuration changes
  policy_.enrolment = enrolled;
  EXPECT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn()}).ok());
}

// A backup is restored: the factor is what the user still has, half-way logins are over.
TEST_F(SecondFactorFacadeTest, TheFactorOutlivesARestoredStoreAndTheChallengeDoesNot) {
  const std::vector<Secret> codes = Enroll();
  const Secret challenge = Challenge();
  MasterKeys master;
  master.entries.push_back({"m1", Secret(std::string(32, 'k'))});
  const auto sealer = Sealer::Create(std::move(master));
  ASSERT_TRUE(sealer.ok());
  const auto restored =
      MarkStoreRestored({*store_, *sealer, {}, clock_, log_}, absl::InfiniteFuture());
  ASSERT_TRUE(restored.ok()) << restored.status();
  ASSERT_TRUE(keys_->Refresh().ok());
  EXPECT_EQ(WhyNot(challenge, TotpAnswer{CodeIn()}), reason::kChallengeInvalid);
  // The backup does not know which codes were used behind it.
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn()}), reason::kCodeWrong);
  EXPECT_EQ(WhyNot(Challenge(), TotpAnswer{CodeIn(-1)}), reason::kCodeWrong);
  NextStep();
  EXPECT_TRUE(Complete(Challenge(), TotpAnswer{CodeIn()}).ok());
  EXPECT_TRUE(Complete(Challenge(), RecoveryAnswer{codes[0]}).ok());
}

// Whoever has the key may have tried the codes out; the user makes others.
TEST_F(SecondFactorFacadeTest, RecoveryCodesEndWithTheKeyThatHashedThem) {
  const std::vector<Secret> codes = Enroll();
  MasterKeys master;
  master.entries.push_back({"m1", Secret(std::string(32, 'k'))});
  auto sealer = Sealer::Create(std::move(master));
  ASSERT_TRUE(sealer.ok());
  const KeyChanges changes({}, *std::move(sealer), {*store_, clock_, log_});
  const std::string kid = keys_->Current()->secret_hash_kid;
  ASSERT_TRUE(changes.Revoke(kid, absl::InfiniteFuture()).ok());
  ASSERT_TRUE(keys_->Refresh().ok());
  EXPECT_EQ(WhyNot(Challenge(), RecoveryAnswer{codes[0]}), reason::kCodeWrong);
  EXPECT_EQ(WhyNotDisabled(RecoveryAnswer{codes[0]}), reason::kCodeWrong);
  const auto others = factors_->RegenerateCodes(call_, ada_.id, TotpAnswer{CodeIn()});
  ASSERT_TRUE(others.ok()) << others.status();
  EXPECT_TRUE(Complete(Challenge(), RecoveryAnswer{others->front()}).ok());
}

}  // namespace
}  // namespace tessera::server
