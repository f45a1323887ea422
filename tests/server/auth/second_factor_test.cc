#include "server/auth/second_factor.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "server/auth/recovery_codes.h"
#include "tessera/base/reason.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

const UserId kAda("usr_ada");

KeySnapshot Keys() {
  KeySnapshot keys;
  keys.seal_kid = "seal";
  keys.seals.emplace("seal", Secret(std::string(32, 's')));
  keys.secret_hash_kid = "hash";
  keys.secret_hashes.emplace("hash", Secret(std::string(32, 'h')));
  return keys;
}

class SecondFactorTest : public ::testing::Test {
 protected:
  std::string Judge(const storage::SecondFactor& factor, const Secret& code, int drift = 1) {
    const auto step = FindStep(factor, code, keys_, drift, now_);
    if (!step.ok()) return Reason(step.status());
    return step->has_value() ? "right" : "wrong";
  }

  KeySnapshot keys_ = Keys();
  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  const SecondFactorPolicy policy_ = {};
  NewFactor made_ = Require(MakeSecondFactor(kAda, policy_, keys_, now_));
  const Secret code_ =
      TotpCode(made_.secret, policy_.enrolment, TotpStepAt(now_, policy_.enrolment.period));
};

TEST_F(SecondFactorTest, ItsOwnCodeFits) {
  EXPECT_EQ(Judge(made_.row, code_), "right");
  EXPECT_FALSE(made_.row.confirmed);
}

TEST_F(SecondFactorTest, TheSecretIsNotInTheRow) {
  const std::string secret(made_.secret.Reveal());
  EXPECT_EQ(secret.size(), 20u);
  EXPECT_EQ(made_.row.sealed.find(secret), std::string::npos);
  EXPECT_NE(Require(MakeSecondFactor(kAda, policy_, keys_, now_)).secret.Reveal(), secret);
}

// Whoever writes to the database cannot give somebody else's factor, or one of their own, to a
// user.
TEST_F(SecondFactorTest, ARowOfAnotherUserOpensForNobodyElse) {
  storage::SecondFactor moved = made_.row;
  moved.user_id = UserId("usr_eve");
  EXPECT_FALSE(FindStep(moved, code_, keys_, 1, now_).ok());
}

TEST_F(SecondFactorTest, ARowThatWasTamperedWithAdmitsNobody) {
  for (size_t i : {size_t{0}, size_t{12}, made_.row.sealed.size() - 1}) {
    storage::SecondFactor changed = made_.row;
    changed.sealed[i] = static_cast<char>(changed.sealed[i] ^ 1);
    EXPECT_FALSE(FindStep(changed, code_, keys_, 1, now_).ok());
  }
  storage::SecondFactor cut = made_.row;
  cut.sealed.clear();
  EXPECT_FALSE(FindStep(cut, code_, keys_, 1, now_).ok());
  storage::SecondFactor weak = made_.row;
  weak.digits = 1;
  EXPECT_FALSE(FindStep(weak, Secret("1"), keys_, 1, now_).ok());
  weak = made_.row;
  weak.period_seconds = 0;
  EXPECT_FALSE(FindStep(weak, code_, keys_, 1, now_).ok());
}

TEST_F(SecondFactorTest, WithoutItsKeyNothingIsSaidOfACode) {
  keys_.seals.clear();
  const auto step = FindStep(made_.row, code_, keys_, 1, now_);
  EXPECT_EQ(step.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(step.status()), reason::kKeysUnavailable);
  EXPECT_EQ(ReasonOf(MakeSecondFactor(kAda, policy_, {}, now_).status()), reason::kKeysUnavailable);
}

TEST_F(SecondFactorTest, ACodeUpToTheLastStepIsUsedUp) {
  StoredFactor stored{made_.row, {}};
  const AnswerJudge judge(keys_, 1, now_);
  const auto why = [&](const Secret& code) {
    const FactorVerdict verdict = Require(judge.Judge(stored, TotpAnswer{code}));
    const auto* wrong = std::get_if<WrongAnswer>(&verdict);
    return wrong == nullptr ? std::string("right") : std::string(wrong->why);
  };
  const int64_t step = TotpStepAt(now_, policy_.enrolment.period);
  stored.factor.last_step = step - 1;
  EXPECT_EQ(why(code_), "right");
  stored.factor.last_step = step;
  EXPECT_EQ(why(code_), "used_code");
  EXPECT_EQ(why(TotpCode(made_.secret, policy_.enrolment, step - 1)), "used_code");
  EXPECT_EQ(why(TotpCode(made_.secret, policy_.enrolment, step + 1)), "right");
  EXPECT_EQ(why(TotpCode(made_.secret, policy_.enrolment, step + 2)), "wrong_code");
}

TEST(RecoveryCodes, AreTenOfTheirShapeAndNoTwoAlike) {
  const NewRecoveryCodes minted = Require(MintRecoveryCodes(kAda, Keys()));
  ASSERT_EQ(minted.codes.size(), 10u);
  ASSERT_EQ(minted.rows.size(), 10u);
  std::set<std::string> all;
  for (const Secret& code : minted.codes) {
    const std::string text(code.Reveal());
    EXPECT_EQ(text.size(), 11u);
    EXPECT_EQ(text[5], '-');
    EXPECT_EQ(text.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz-"), std::string::npos);
    all.insert(text);
  }
  EXPECT_EQ(all.size(), 10u);
}

TEST(RecoveryCodes, FitTheirOwnRowHoweverTheyAreTyped) {
  const KeySnapshot keys = Keys();
  const NewRecoveryCodes minted = Require(MintRecoveryCodes(kAda, keys));
  for (size_t i = 0; i < minted.codes.size(); ++i) {
    const std::string text(minted.codes[i].Reveal());
    const std::string no_hyphen = text.substr(0, 5) + text.substr(6);
    const std::string spaced = " " + absl::AsciiStrToUpper(text) + " ";
    for (const std::string& typed : {text, no_hyphen, spaced}) {
      const auto row = Require(FindRecoveryCode(Secret(typed), kAda, minted.rows, keys));
      ASSERT_TRUE(row.has_value()) << typed;
      EXPECT_EQ(row->hash, minted.rows[i].hash);
    }
  }
}

TEST(RecoveryCodes, AreNobodyElsesAndNotGuessedByAPart) {
  const KeySnapshot keys = Keys();
  const NewRecoveryCodes minted = Require(MintRecoveryCodes(kAda, keys));
  const std::string text(minted.codes.front().Reveal());
  EXPECT_FALSE(
      Require(FindRecoveryCode(Secret(text), UserId("usr_eve"), minted.rows, keys)).has_value());
  for (const std::string& typed : {std::string(), text.substr(0, 10), text + "0",
                                   std::string("-----"), std::string(1 << 20, '0')}) {
    EXPECT_FALSE(Require(FindRecoveryCode(Secret(typed), kAda, minted.rows, keys)).has_value());
  }
  KeySnapshot other = keys;
  other.secret_hashes.insert_or_assign("hash", Secret(std::string(32, 'x')));
  EXPECT_FALSE(Require(FindRecoveryCode(Secret(text), kAda, minted.rows, other)).has_value());
}

TEST(RecoveryCodes, OfAKeyThatWasCalledBackAreNoCodes) {
  KeySnapshot keys = Keys();
  const NewRecoveryCodes before = Require(MintRecoveryCodes(kAda, keys));
  keys.secret_hashes = {{"next", Secret(std::string(32, 'n'))}};
  keys.secret_hash_kid = "next";
  const NewRecoveryCodes after = Require(MintRecoveryCodes(kAda, keys));
  std::vector<storage::RecoveryCode> rows = before.rows;
  rows.insert(rows.end(), after.rows.begin(), after.rows.end());
  // Its key may have been made by another replica a moment ago.
  EXPECT_EQ(Reason(FindRecoveryCode(before.codes[0], kAda, rows, keys)), reason::kKeysUnavailable);
  StoredKeySet set;
  set.keys.emplace_back();
  set.keys.back().kid = "hash";
  set.keys.back().use = storage::KeyUse::kSecretHash;
  set.keys.back().state = storage::KeyState::kRevoked;
  keys.rows = std::make_shared<const StoredKeySet>(set);
  EXPECT_FALSE(Require(FindRecoveryCode(before.codes[0], kAda, rows, keys)).has_value());
  EXPECT_TRUE(Require(FindRecoveryCode(after.codes[0], kAda, rows, keys)).has_value());
}

}  // namespace
}  // namespace tessera::server
