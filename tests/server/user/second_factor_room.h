// The user room with a user who may have a second factor, and the authenticator.
#ifndef TESSERA_TESTS_SERVER_USER_SECOND_FACTOR_ROOM_H_
#define TESSERA_TESTS_SERVER_USER_SECOND_FACTOR_ROOM_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/auth/totp.h"
#include "server/user/second_factor_facade.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {

// RFC 4648 base32 without padding, as an authenticator reads it.
inline Secret BytesOf(const Secret& base32) {
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

class SecondFactorRoom : public UserRoom {
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
    return ReasonOf(factors_->Disable(call_, ada_.id, answer).status());
  }
  std::string WhyNotReplaced(const FactorAnswer& answer) {
    return ReasonOf(factors_->RegenerateCodes(call_, ada_.id, answer).status());
  }
  bool IsProofOfAda(const Secret& proof) {
    return throttle_->DeviceOf(proof, {ada_.id, Named("ada").version}).has_value();
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
    auto confirmed = factors_->Confirm(call_, ada_.id, CodeIn());
    EXPECT_TRUE(confirmed.ok()) << confirmed.status();
    NextStep();
    if (!confirmed.ok()) return {};
    return std::move(confirmed->recovery_codes);
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

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_SECOND_FACTOR_ROOM_H_
