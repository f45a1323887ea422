// From decision to handler: what happens in between does not break the principal, and nothing is
// claimed that was not admitted.
#include "tessera/guard/core.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

constexpr char kSay[] = "/tessera.test.guard.Echo/Say";
constexpr char kAdminSay[] = "/tessera.test.guard.Echo/AdminSay";
constexpr char kOpen[] = "/tessera.test.guard.Echo/Open";

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() : core_(Options(), Verifier()) {
    view_->MarkCurrent();
    core_.Open(*RuleBook::Make({kSay, kAdminSay, kOpen}, {}, ReflectionAccess::kOff));
  }
  ~CoreTest() override { core_.Close(); }

  GuardOptions Options() {
    GuardOptions options;
    options.issuer = kIssuer;
    options.audience = kAudience;
    options.keys = keys_;
    options.revocations = RevocationsFromView(view_);
    options.cache_bytes = 0;
    options.clock = &clock_;
    return options;
  }
  static TokenVerifier Verifier() {
    return *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)});
  }
  static Presented BearerOf(const std::string& token) {
    return {{Bearer::Kind::kOne, token}, {}, false, nullptr};
  }
  static Presented Nothing() { return {}; }
  std::string TokenOf(const std::string& subject) const {
    return Sign(ClaimsFor(subject, clock_.Now()), key_);
  }

  FakeClock clock_;
  const SigningKey key_ = NewKey();
  const std::shared_ptr<HeldKeys> keys_ = std::make_shared<HeldKeys>(SetOf({key_}));
  const std::shared_ptr<RevocationView> view_ = std::make_shared<RevocationView>(clock_);
  Core core_;
};

TEST_F(CoreTest, AnAdmittedCallIsClaimedThoughItsTokenExpiresInBetween) {
  const std::string token = TokenOf("usr_a");
  ASSERT_TRUE(core_.Admit(kSay, BearerOf(token)).ok());
  clock_.Advance(absl::Hours(2));
  const auto known = core_.Claim(kSay, BearerOf(token));
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ((*known)->principal->claims.subject, "usr_a");
}

TEST_F(CoreTest, AnAdmittedCallIsClaimedThoughItWaitedLongForItsHandler) {
  const std::string token = TokenOf("usr_a");
  ASSERT_TRUE(core_.Admit(kSay, BearerOf(token)).ok());
  clock_.Advance(absl::Hours(2));
  for (int i = 0; i < 200; ++i) {
    const std::string other = TokenOf("usr_" + std::to_string(i));
    ASSERT_TRUE(core_.Admit(kSay, BearerOf(other)).ok());
    ASSERT_TRUE(core_.Claim(kSay, BearerOf(other)).ok());
  }
  EXPECT_TRUE(core_.Claim(kSay, BearerOf(token)).ok());
}

TEST_F(CoreTest, AnAdmittedCallIsClaimedThoughItsTokenIsRevokedInBetween) {
  const std::string token = TokenOf("usr_a");
  ASSERT_TRUE(core_.Admit(kSay, BearerOf(token)).ok());
  view_->Merge({Revoked(RevokedThing::kToken, "tok_usr_a", clock_.Now())});
  EXPECT_EQ(ReasonOf(core_.Admit(kSay, BearerOf(token))), reason::kTokenRevoked);
  EXPECT_TRUE(core_.Claim(kSay, BearerOf(token)).ok());
}

TEST_F(CoreTest, AnAdmittedCallIsClaimedThoughItsKeyGoesAndTheCacheOverflows) {
  const std::string token = TokenOf("usr_a");
  ASSERT_TRUE(core_.Admit(kSay, BearerOf(token)).ok());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(core_.Admit(kSay, BearerOf(TokenOf("usr_" + std::to_string(i)))).ok());
  }
  keys_->Set(SetOf({NewKey()}));
  EXPECT_TRUE(core_.Claim(kSay, BearerOf(token)).ok());
}

TEST_F(CoreTest, ACallThatWasNotAdmittedIsJudgedAnew) {
  const std::string token = TokenOf("usr_a");
  EXPECT_TRUE(core_.Claim(kSay, BearerOf(token)).ok());  // a good one, by another road
  EXPECT_EQ(ReasonOf(core_.Claim(kAdminSay, BearerOf(token)).status()), reason::kRoleRequired);
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(ReasonOf(core_.Claim(kSay, BearerOf(token)).status()), reason::kTokenExpired);
  EXPECT_EQ(ReasonOf(core_.Claim(kSay, Nothing()).status()), reason::kTokenMissing);
}

TEST_F(CoreTest, AnAdmissionToOneMethodIsNoneToAnother) {
  const std::string token = TokenOf("usr_a");
  ASSERT_TRUE(core_.Admit(kSay, BearerOf(token)).ok());
  EXPECT_EQ(ReasonOf(core_.Claim(kAdminSay, BearerOf(token)).status()), reason::kRoleRequired);
}

TEST_F(CoreTest, ABoundTokenIsJudgedAnewWithItsCertificateToo) {
  Claims claims = ClaimsFor("usr_a", clock_.Now());
  claims.certificate = "thumbprint";
  const std::string token = Sign(claims, key_);
  Presented presented = BearerOf(token);
  EXPECT_EQ(ReasonOf(core_.Claim(kSay, presented).status()), reason::kCertificateMismatch);
  const ReadPeer own("thumbprint");
  presented.peer = &own;
  EXPECT_TRUE(core_.Claim(kSay, presented).ok());
  const ReadPeer other("other");
  presented.peer = &other;
  EXPECT_EQ(ReasonOf(core_.Claim(kSay, presented).status()), reason::kCertificateMismatch);
}

TEST_F(CoreTest, APublicMethodHasNoPrincipal) {
  const auto known = core_.Claim(kOpen, BearerOf(TokenOf("usr_a")));
  ASSERT_TRUE(known.ok());
  EXPECT_EQ(*known, nullptr);
}

TEST_F(CoreTest, AfterAFetchAnEmptyKeySetIsUnavailableAndAnUnknownKeyIsUnknown) {
  const std::string token = Sign(ClaimsFor("usr_a", clock_.Now()), NewKey());
  EXPECT_EQ(ReasonOf(core_.Admit(kSay, BearerOf(token), true)), reason::kTokenUnknownKey);
  keys_->Set(JwkSet());
  const absl::Status refused = core_.Admit(kSay, BearerOf(token), true);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), reason::kKeysUnavailable);
}

TEST_F(CoreTest, ClosedItRefusesEverything) {
  core_.Close();
  EXPECT_EQ(core_.Admit(kOpen, Nothing()).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(core_.Claim(kOpen, Nothing()).ok());
}

TEST_F(CoreTest, ARefusedTokenIsNotKept) {
  const std::string token = TokenOf("usr_a");
  view_->Merge({Revoked(RevokedThing::kToken, "tok_usr_a", clock_.Now())});
  EXPECT_FALSE(core_.Admit(kSay, BearerOf(token)).ok());
  EXPECT_EQ(core_.cache().totals().tokens, 0u);
}

}  // namespace
}  // namespace tessera::guard
