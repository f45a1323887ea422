// What ends all of a user's tokens ends the proofs of devices, too: who has gathered them is a
// stranger again. On real stores, by the facades that administrators and users have.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/user/password_reset.h"
#include "server/user/session_facade.h"
#include "tests/server/user/second_factor_room.h"

namespace tessera::server {
namespace {

constexpr char kNewPassword[] = "another long password";
constexpr int kProofs = 12;

class EndedProofs : public SecondFactorRoom {
 protected:
  void SetUp() override {
    SecondFactorRoom::SetUp();
    sessions_ = std::make_unique<SessionFacade>(
        SessionFacade::Parts{*store_, *feed_, clock_, log_, audit_});
    resets_ = std::make_unique<PasswordResets>(
        absl::Hours(1), PasswordPolicy(),
        PasswordResets::Parts{*store_, *keys_, *hasher_, *throttle_, *feed_, audit_, clock_, log_});
  }

  absl::StatusOr<LoginOutcome> Try(const std::string& password, const Secret& proof = {}) {
    LoginInput input{"ada", Secret::CopyOf(password), ""};
    input.device_proof = proof;
    auto attempt = auth_->BeginLogin(call_, std::move(input));
    if (!attempt.ok()) return attempt.status();
    auto checked = auth_->CheckPassword(call_, *std::move(attempt));
    if (!checked.ok()) return checked.status();
    return auth_->FinishLogin(call_, *checked);
  }
  std::string WhyRefused(const std::string& password, const Secret& proof = {}) {
    return ReasonOf(Try(password, proof).status());
  }
  Secret NewProof() {
    auto grant = Login("ada");
    EXPECT_TRUE(grant.ok()) << grant.status();
    return grant.ok() ? std::move(grant->device_proof) : Secret();
  }
  // Until strangers at this source are held up.
  void GuessAsAStranger() {
    std::string why = std::string(reason::kBadCredentials);
    for (int i = 0; i < 20 && why == reason::kBadCredentials; ++i) why = WhyRefused("a guess");
    ASSERT_EQ(why, reason::kThrottled);
  }
  // `end` must end the proof of a device; then the password is `password`.
  void ExpectEnds(const std::function<void()>& end, const std::string& password = kPassword) {
    const Secret proof = NewProof();
    GuessAsAStranger();
    EXPECT_EQ(WhyRefused(kPassword, proof), "") << "the device is known so far";
    ASSERT_NO_FATAL_FAILURE(end());
    GuessAsAStranger();
    EXPECT_EQ(WhyRefused(password, proof), reason::kThrottled) << "it is a stranger";
    clock_.Advance(absl::Hours(1));
    EXPECT_EQ(WhyRefused(password, proof), "") << "and the password is right";
  }

  void ChangePassword() {
    auto user = users_->FindForPasswordChange(call_, ada_.id);
    ASSERT_TRUE(user.ok());
    auto checked = users_->CheckPasswordChange(
        call_, *user, {ada_.id, Secret::CopyOf(kPassword), Secret::CopyOf(kNewPassword)});
    ASSERT_TRUE(checked.ok()) << checked.status();
    ASSERT_TRUE(users_->StorePassword(call_, *checked).ok());
  }
  void ResetPassword() {
    const auto issued = resets_->Issue(call_, admin_, ada_.id);
    ASSERT_TRUE(issued.ok()) << issued.status();
    auto screened = resets_->Screen(call_, {issued->token, Secret::CopyOf(kNewPassword)});
    ASSERT_TRUE(screened.ok()) << screened.status();
    auto checked = resets_->Check(call_, *std::move(screened));
    ASSERT_TRUE(checked.ok()) << checked.status();
    const auto hashed = resets_->Hash(call_, *std::move(checked));
    ASSERT_TRUE(hashed.ok()) << hashed.status();
    ASSERT_TRUE(resets_->Store(call_, *hashed).ok());
  }
  void RevokeAll(bool keep_current) {
    auto grant = Login("ada");
    // While strangers are held up here, ada comes from elsewhere.
    if (!grant.ok()) {
      const CallInfo here = std::exchange(call_, CallInfo{"127.0.0.9", absl::InfiniteFuture()});
      grant = Login("ada");
      call_ = here;
    }
    ASSERT_TRUE(grant.ok()) << grant.status();
    Principal caller;
    caller.kind = PrincipalKind::kUser;
    caller.claims = ClaimsOf(*grant);
    const auto ended = sessions_->RevokeAll(call_, caller, {ada_.id, keep_current});
    ASSERT_TRUE(ended.ok()) << ended.status();
  }

  // How many wrong codes are judged, each proof being shown until it is held up.
  int GuessCodes(const Secret& challenge, const std::vector<Secret>& proofs) {
    int judged = 0;
    for (const Secret& proof : proofs) {
      std::string why;
      while ((why = WhyCodeRefused(challenge, TotpAnswer{WrongCode()}, proof)) ==
             reason::kCodeWrong) {
        ++judged;
      }
      EXPECT_EQ(why, reason::kThrottled);
    }
    return judged;
  }
  std::string WhyCodeRefused(const Secret& challenge, FactorAnswer answer, const Secret& proof) {
    return ReasonOf(auth_->CompleteLogin(call_, {challenge, std::move(answer), proof}).status());
  }

  std::unique_ptr<SessionFacade> sessions_;
  std::unique_ptr<PasswordResets> resets_;
};

TEST_F(EndedProofs, AChangedPasswordEndsThem) {
  ExpectEnds([&] { ChangePassword(); }, kNewPassword);
}

TEST_F(EndedProofs, AResetPasswordEndsThem) {
  ExpectEnds([&] { ResetPassword(); }, kNewPassword);
}

TEST_F(EndedProofs, DisablingTheUserEndsThem) {
  ExpectEnds([&] {
    ASSERT_TRUE(SetState(ada_.id, storage::UserState::kDisabled).ok());
    ASSERT_TRUE(SetState(ada_.id, storage::UserState::kActive).ok());
  });
}

TEST_F(EndedProofs, RevokingAllSessionsEndsThem) {
  ExpectEnds([&] { RevokeAll(false); });
}

TEST_F(EndedProofs, AFactorThatIsConfirmedEndsThem) {
  ExpectEnds([&] { Enroll(); });
}

// The owner's device must not become a stranger for the end of some other session.
TEST_F(EndedProofs, RevokingTheOtherSessionsLeavesThem) {
  const Secret proof = NewProof();
  RevokeAll(true);
  GuessAsAStranger();
  EXPECT_EQ(WhyRefused(kPassword, proof), "");
}

// The attack: proofs that were gathered by the password alone, shown with guesses at codes.
TEST_F(EndedProofs, FromBeforeTheFactorGuessNoCodes) {
  std::vector<Secret> proofs;
  for (int i = 0; i < kProofs; ++i) proofs.push_back(NewProof());
  Enroll();
  EXPECT_EQ(GuessCodes(Challenge(), proofs), ThrottlePolicy().attempts) << "as one stranger";
}

// Likewise with those of logins that had their codes, where they were stolen.
TEST_F(EndedProofs, OfManyDevicesGuessAsManyCodesAsTwo) {
  Enroll();
  std::vector<Secret> proofs;
  for (int i = 0; i < 4; ++i) {
    auto grant = Complete(Challenge(), TotpAnswer{CodeIn()});
    ASSERT_TRUE(grant.ok()) << grant.status();
    proofs.push_back(std::move(grant->device_proof));
    NextStep();
  }
  const Secret challenge = Challenge();
  EXPECT_EQ(GuessCodes(challenge, proofs),
            LoginThrottle::kDevicesOfCodes * ThrottlePolicy().attempts);
  EXPECT_EQ(GuessCodes(challenge, {Secret()}), ThrottlePolicy().attempts) << "strangers apart";
}

TEST_F(EndedProofs, WhileStrangersGuessCodesAKnownDeviceGetsIn) {
  Enroll();
  auto grant = Complete(Challenge(), TotpAnswer{CodeIn()});
  ASSERT_TRUE(grant.ok()) << grant.status();
  NextStep();
  const Secret challenge = Challenge();
  EXPECT_EQ(GuessCodes(challenge, {Secret()}), ThrottlePolicy().attempts);
  EXPECT_EQ(WhyCodeRefused(challenge, TotpAnswer{CodeIn()}, Secret()), reason::kThrottled);
  EXPECT_EQ(WhyCodeRefused(challenge, TotpAnswer{CodeIn()}, grant->device_proof), "");
}

}  // namespace
}  // namespace tessera::server
