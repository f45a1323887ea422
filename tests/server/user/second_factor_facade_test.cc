// Second factors from the enrolment to the login, on real stores.
#include "server/user/second_factor_facade.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/key_changes.h"
#include "server/auth/login_challenge.h"
#include "server/auth/store_restoration.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

// RFC 4648 base32 without padding, as an authenticator reads it.
Secret BytesOf(const Secret& base32) {
  std::string bytes;
  uint32_t held = 0;
  int bits = 0;
  for (const char c : base32.Reveal()) {
    held = held << 5 | static_cast<uint32_t>(c >= 'A' ? c - 'A' : c - '2' + 26);
    if ((bits += 5) < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(held >> bits & 255));
  }
  return Secret(bytes);
}

class SecondFactorFacadeTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    MakeFacades({});
    ada_ = Add("ada");
  }

  void MakeFacades(const SecondFactorPolicy& policy) {
    policy_ = policy;
    factors_.emplace(policy, SecondFactorFacade::Parts{*store_, *keys_, *hasher_, *throttle_,
                                                       *feed_, audit_, clock_, log_});
  }

  // What the authenticator shows `steps` from now.
  Secret CodeIn(int steps = 0) const {
    const int64_t step = TotpStepAt(clock_.Now(), policy_.enrolment.period) + steps;
    return TotpCode(secret_, policy_.enrolment, step);
  }
  Secret WrongCode() const {
    std::string code(CodeIn().Reveal());
    code[0] = code[0] == '9' ? '0' : static_cast<char>(code[0] + 1);
    return Secret(code);
  }
  void NextStep() { clock_.Advance(policy_.enrolment.period); }

  absl::StatusOr<TotpEnrolment> AskToEnroll(const std::string& password = kPassword) {
    auto found = factors_->FindForEnrolment(call_, ada_.id);
    if (!found.ok()) return found.status();
    const auto owner = factors_->CheckPassword(call_, *std::move(found), Secret(password));
    if (!owner.ok()) return owner.status();
    return factors_->Enroll(call_, *owner);
  }
  std::string WhyNotDisabled(const FactorAnswer& answer) {
    return ReasonOf(factors_->Disable(call_, ada_.id, answer));
  }
  std::string WhyNotReplaced(const FactorAnswer& answer) {
    return ReasonOf(factors_->RegenerateCodes(call_, ada_.id, answer).status());
  }
  size_t CountCodes() {
    size_t count = 0;
    const absl::Status read =
        store_->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) -> absl::Status {
          const auto codes = in.factors.Codes(ada_.id);
          count = codes.ok() ? codes->size() : 0;
          return codes.status();
        });
    EXPECT_TRUE(read.ok()) << read;
    return count;
  }

  void Offer() {
    auto enrolment = AskToEnroll();
    ASSERT_TRUE(enrolment.ok()) << enrolment.status();
    secret_ = BytesOf(enrolment->secret);
  }
  // The recovery codes. Afterwards no code has been used in this step.
  std::vector<Secret> Enroll() {
    Offer();
    auto codes = factors_->Confirm(call_, ada_.id, CodeIn());
    EXPECT_TRUE(codes.ok()) << codes.status();
    NextStep();
    return codes.value_or(std::vector<Secret>());
  }

  absl::StatusOr<LoginOutcome> Ask(const CallInfo& call, SessionTerms terms = {}) {
    LoginInput input{"ada", Secret::CopyOf(kPassword), "", std::move(terms)};
    auto attempt = auth_->BeginLogin(call, std::move(input));
    if (!attempt.ok()) return attempt.status();
    auto checked = auth_->CheckPassword(call, *std::move(attempt));
    if (!checked.ok()) return checked.status();
    return auth_->FinishLogin(call, *checked);
  }
  Secret Challenge(SessionTerms terms = {}) {
    auto outcome = Ask(call_, std::move(terms));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    const auto* challenge = outcome.ok() ? std::get_if<IssuedChallenge>(&*outcome) : nullptr;
    EXPECT_NE(challenge, nullptr);
    return challenge == nullptr ? Secret() : challenge->challenge_token;
  }
  absl::StatusOr<IssuedGrant> Complete(const Secret& challenge, FactorAnswer answer) {
    return CompleteBy(call_, challenge, std::move(answer));
  }
  absl::StatusOr<IssuedGrant> CompleteBy(const CallInfo& call, const Secret& challenge,
                                         FactorAnswer answer) {
    auto checked = auth_->CheckCompletion(call, {challenge, std::move(answer)});
    if (!checked.ok()) return checked.status();
    return auth_->CompleteLogin(call, *checked);
  }
  std::string WhyNot(const Secret& challenge, FactorAnswer answer) {
    return ReasonOf(Complete(challenge, std::move(answer)).status());
  }
  Claims ClaimsOf(const IssuedGrant& grant) {
    auto known = auth_->Validate(grant.access_token);
    EXPECT_TRUE(known.ok() && known->claims != nullptr);
    return *known->claims;
  }

  SecondFactorPolicy policy_;
  std::optional<SecondFactorFacade> factors_;
  storage::User ada_;
  Secret secret_;
};

TEST_F(SecondFactorFacadeTest, WithoutAFactorALoginIsOneStep) {
  const auto outcome = Ask(call_);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(std::holds_alternative<IssuedGrant>(*outcome));
  const Claims claims = ClaimsOf(std::get<IssuedGrant>(*outcome));
  EXPECT_EQ(claims.amr, std::vector<std::string>{"pwd"});
  EXPECT_EQ(claims.acr, "aal1");
}

TEST_F(SecondFactorFacadeTest, AnOfferChangesNothingUntilItIsConfirmed) {
  Offer();
  EXPECT_TRUE(std::holds_alternative<IssuedGrant>(*Ask(call_)));
  EXPECT_EQ(ReasonOf(factors_->Confirm(call_, ada_.id, WrongCode()).status()), reason::kCodeWrong);
  EXPECT_TRUE(std::holds_alternative<IssuedGrant>(*Ask(call_)));
  EXPECT_TRUE(factors_->Confirm(call_, ada_.id, CodeIn()).ok());
  EXPECT_TRUE(std::holds_alternative<IssuedChallenge>(*Ask(call_)));
  EXPECT_TRUE(Named("ada").totp_enrolled);
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

TEST_F(SecondFactorFacadeTest, OtherRecoveryCodesEndTheOnesBefore) {
  EXPECT_EQ(WhyNotReplaced(TotpAnswer{Secret("123456")}), reason::kTotpNotEnrolled);
  const std::vector<Secret> before = Enroll();
  const auto after = factors_->RegenerateCodes(call_, ada_.id, TotpAnswer{CodeIn()});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(WhyNot(Challenge(), RecoveryAnswer{before[0]}), reason::kCodeWrong);
  EXPECT_TRUE(Complete(Challenge(), RecoveryAnswer{after->front()}).ok());
}

// Whoever has stolen the token of a login with the factor has no factor.
TEST_F(SecondFactorFacadeTest, WithoutARightAnswerNothingIsTakenOrReplaced) {
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

TEST_F(SecondFactorFacadeTest, AnAnswerThatTakesOrReplacesIsUsedUp) {
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

TEST_F(SecondFactorFacadeTest, ARecoveryCodeTakesTheFactorOfOneWhoHasLostIt) {
  const std::vector<Secret> codes = Enroll();
  EXPECT_EQ(WhyNotDisabled(RecoveryAnswer{codes[0]}), "");
  EXPECT_FALSE(Named("ada").totp_enrolled);
}

TEST_F(SecondFactorFacadeTest, AnswersThatTakeAreCountedWithThoseOfLogins) {
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
TEST_F(SecondFactorFacadeTest, TwoWhoReplaceAtOnceLeaveTenCodes) {
  std::vector<Secret> codes = Enroll();
  for (int round = 0; round < 5; ++round) {
    const std::vector<FactorAnswer> answers = {RecoveryAnswer{codes[0]}, RecoveryAnswer{codes[1]},
                                               TotpAnswer{CodeIn()}};
    std::vector<std::thread> threads;
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
TEST_F(SecondFactorFacadeTest, WithoutThePasswordNoFactorIsOffered) {
  Offer();

  EXPECT_EQ(ReasonOf(AskToEnroll("another password").status()), reason::kBadCredentials);
  EXPECT_EQ(ReasonOf(AskToEnroll("").status()), reason::kBadCredentials);
  EXPECT_TRUE(factors_->Confirm(call_, ada_.id, CodeIn()).ok());  // what was offered before stays
  EXPECT_NE(log_.Text().find("wrong_password"), std::string::npos);
}

TEST_F(SecondFactorFacadeTest, PasswordsOfEnrolmentsAreCounted) {
  std::string why;
  for (int i = 0; i < 100 && why != reason::kThrottled; ++i) {
    why = ReasonOf(AskToEnroll("guess " + std::to_string(i)).status());
  }
  EXPECT_EQ(why, reason::kThrottled);
  EXPECT_EQ(ReasonOf(AskToEnroll().status()), reason::kThrottled);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(AskToEnroll().ok());
}

TEST_F(SecondFactorFacadeTest, APasswordThatWasChangedMeanwhileOffersNothing) {
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

TEST_F(SecondFactorFacadeTest, GivingOrTakingAFactorEndsTheSessions) {
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

TEST_F(SecondFactorFacadeTest, AConfirmedFactorIsNotEnrolledOverNorConfirmedTwice) {
  Enroll();
  EXPECT_EQ(ReasonOf(AskToEnroll().status()), reason::kTotpEnrolled);
  EXPECT_EQ(ReasonOf(factors_->Confirm(call_, ada_.id, CodeIn()).status()), reason::kTotpEnrolled);
}

TEST_F(SecondFactorFacadeTest, NothingIsConfirmedThatWasNotOffered) {
  EXPECT_EQ(ReasonOf(factors_->Confirm(call_, ada_.id, Secret("123456")).status()),
            reason::kTotpNotEnrolled);
}

TEST_F(SecondFactorFacadeTest, AnAdministratorResetsOthersOnly) {
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

TEST_F(SecondFactorFacadeTest, FirstCodesAreCountedToo) {
  Offer();
  std::string why;
  for (int i = 0; i < 100 && why != reason::kThrottled; ++i) {
    why = ReasonOf(factors_->Confirm(call_, ada_.id, WrongCode()).status());
  }
  EXPECT_EQ(why, reason::kThrottled);
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
