// The decision without a server: every refusal by name, and their order.
#include "tessera/guard/decision.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"
#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

class DecisionTest : public ::testing::Test {
 protected:
  DecisionTest() : view_(clock_), keys_(std::make_shared<const JwkSet>(SetOf({key_}))) {
    view_.MarkCurrent();
    rule_.admission = Admission::kAuthenticated;
  }

  Claims Good() const { return ClaimsFor("usr_a", clock_.Now()); }

  Facts FactsOf(const Bearer& bearer) const {
    return {rule_, bearer, keys_, &view_, false, clock_.Now(), cached_};
  }
  absl::StatusOr<std::shared_ptr<const KnownToken>> DecideOn(const std::string& token) {
    return Decide(verifier_, FactsOf({Bearer::Kind::kOne, token}));
  }
  std::string ReasonFor(const std::string& token) { return ReasonOf(DecideOn(token).status()); }

  FakeClock clock_;
  const SigningKey key_ = NewKey();
  RevocationView view_;
  std::shared_ptr<const JwkSet> keys_;
  std::shared_ptr<const KnownToken> cached_;
  Rule rule_;
  TokenVerifier verifier_ =
      *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)});
};

TEST_F(DecisionTest, TheDefaultRuleLetsNobodyIn) {
  rule_ = Rule();
  const auto decision = DecideOn(Sign(Good(), key_));
  EXPECT_EQ(decision.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(decision.status()), reason::kMethodUnruled);
}

TEST_F(DecisionTest, AnAdmissionOutOfRangeLetsNobodyIn) {
  rule_.admission = static_cast<Admission>(42);
  EXPECT_EQ(ReasonFor(Sign(Good(), key_)), reason::kMethodUnruled);
}

TEST_F(DecisionTest, APublicRuleAdmitsNobodyInParticular) {
  rule_.admission = Admission::kPublic;
  for (const auto kind : {Bearer::Kind::kNone, Bearer::Kind::kSeveral, Bearer::Kind::kMalformed}) {
    const auto decision = Decide(verifier_, FactsOf({kind, {}}));
    ASSERT_TRUE(decision.ok());
    EXPECT_EQ(*decision, nullptr);
  }
  const auto decision = DecideOn(Sign(Good(), key_));
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(*decision, nullptr);
}

TEST_F(DecisionTest, AdmitsWithThePrincipalOfTheToken) {
  const auto decision = DecideOn(Sign(Good(), key_));
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ((*decision)->principal->kind, PrincipalKind::kUser);
  EXPECT_EQ((*decision)->principal->claims.subject, "usr_a");
  Claims service = Good();
  service.subject = "svc_a";
  EXPECT_EQ((*DecideOn(Sign(service, key_)))->principal->kind, PrincipalKind::kService);
}

TEST_F(DecisionTest, ExpiredExactlyAtExpPlusLeeway) {
  const Claims claims = Good();
  const std::string token = Sign(claims, key_);
  clock_.SetWall(claims.expires_at + absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_TRUE(DecideOn(token).ok());
  clock_.SetWall(claims.expires_at + absl::Seconds(5));
  EXPECT_EQ(ReasonFor(token), reason::kTokenExpired);
}

TEST_F(DecisionTest, ACachedTokenIsHeldAgainstTheTimeAgain) {
  const Claims claims = Good();
  const std::string token = Sign(claims, key_);
  cached_ = *DecideOn(token);
  EXPECT_EQ(*DecideOn(token), cached_);
  clock_.SetWall(claims.expires_at + absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_TRUE(DecideOn(token).ok());
  clock_.SetWall(claims.expires_at + absl::Seconds(5));
  EXPECT_EQ(ReasonFor(token), reason::kTokenExpired);
  clock_.SetWall(claims.not_before - absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_EQ(ReasonFor(token), reason::kTokenNotYetValid);
}

TEST_F(DecisionTest, ACachedTokenOfAnotherAudienceIsRefused) {
  const std::string token = Sign(Good(), key_);
  cached_ = *DecideOn(token);
  verifier_ = *TokenVerifier::Create({kIssuer, std::string("orders"), absl::Seconds(5)});
  EXPECT_EQ(ReasonFor(token), reason::kTokenAudience);
  verifier_ = *TokenVerifier::Create({"https://else", std::string(kAudience), absl::Seconds(5)});
  EXPECT_EQ(ReasonFor(token), reason::kTokenIssuer);
}

TEST_F(DecisionTest, ACachedTokenWhoseKeyIsTrustedNoMoreIsRefused) {
  const std::string token = Sign(Good(), key_);
  cached_ = *DecideOn(token);
  keys_ = std::make_shared<const JwkSet>(SetOf({NewKey()}));
  EXPECT_EQ(ReasonFor(token), reason::kTokenUnknownKey);
}

TEST_F(DecisionTest, ACachedTokenWhoseKeyIsStillInTheNewSetIsVerifiedAnew) {
  const std::string token = Sign(Good(), key_);
  cached_ = *DecideOn(token);
  keys_ = std::make_shared<const JwkSet>(SetOf({NewKey(), key_}));
  const auto decision = DecideOn(token);
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ((*decision)->keys, keys_);
}

TEST_F(DecisionTest, EveryKindOfRevocationHitsACachedTokenToo) {
  const std::string token = Sign(Good(), key_);
  cached_ = *DecideOn(token);
  const absl::Time now = clock_.Now();
  for (const auto& notice : {Revoked(RevokedThing::kToken, "tok_usr_a", now),
                             Revoked(RevokedThing::kSession, "ses_usr_a", now),
                             Revoked(RevokedThing::kUser, "usr_a", now, 2),
                             Revoked(RevokedThing::kKey, key_.kid(), now)}) {
    RevocationView view(clock_);
    view.MarkCurrent();
    Facts facts = FactsOf({Bearer::Kind::kOne, token});
    facts.revocations = &view;
    EXPECT_TRUE(Decide(verifier_, facts).ok());
    view.Merge({notice});
    EXPECT_EQ(ReasonOf(Decide(verifier_, facts).status()), reason::kTokenRevoked);
  }
}

TEST_F(DecisionTest, ATokenWithoutSessionIsNotHitBySessionRevocations) {
  Claims claims = Good();
  claims.session_id = SessionId();
  view_.Merge({Revoked(RevokedThing::kSession, "", clock_.Now())});
  RevocationNotice zero;
  zero.thing = RevokedThing::kSession;
  zero.expires_at = absl::InfiniteFuture();
  view_.Merge({zero});
  EXPECT_TRUE(DecideOn(Sign(claims, key_)).ok());
}

TEST_F(DecisionTest, WithoutAFirstViewAGoodTokenIsUnavailableAndABadOneIsBad) {
  RevocationView empty(clock_);
  const std::string token = Sign(Good(), key_);
  Facts facts = FactsOf({Bearer::Kind::kOne, token});
  facts.revocations = &empty;
  const absl::Status refused = Decide(verifier_, facts).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), reason::kRevocationViewStale);
  EXPECT_TRUE(RetryDelayOf(refused).has_value());
  facts.bearer = {Bearer::Kind::kNone, {}};
  EXPECT_EQ(ReasonOf(Decide(verifier_, facts).status()), reason::kTokenMissing);
}

TEST_F(DecisionTest, AnyRoleMeansOneOfThem) {
  rule_.any_role = {"a", "b"};
  Claims claims = Good();
  EXPECT_EQ(ReasonFor(Sign(claims, key_)), reason::kRoleRequired);
  claims.roles = {"ab", "A"};
  EXPECT_EQ(ReasonFor(Sign(claims, key_)), reason::kRoleRequired);
  claims.roles = {"x", "b"};
  EXPECT_TRUE(DecideOn(Sign(claims, key_)).ok());
}

TEST_F(DecisionTest, ScopesAnyAndAll) {
  rule_.any_scope = {"read", "write"};
  rule_.all_scopes = {"x", "y"};
  Claims claims = Good();
  for (const auto& scopes : std::vector<std::vector<std::string>>{
           {}, {"read"}, {"x", "y"}, {"read", "x"}, {"Read", "x", "y"}}) {
    claims.scopes = scopes;
    const absl::Status refused = DecideOn(Sign(claims, key_)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(ReasonOf(refused), reason::kScopeRequired);
  }
  claims.scopes = {"y", "write", "x"};
  EXPECT_TRUE(DecideOn(Sign(claims, key_)).ok());
}

TEST_F(DecisionTest, ARevokedTokenIsToldSoBeforeItsRoleIsLookedAt) {
  rule_.any_role = {"a"};
  view_.Merge({Revoked(RevokedThing::kToken, "tok_usr_a", clock_.Now())});
  EXPECT_EQ(ReasonFor(Sign(Good(), key_)), reason::kTokenRevoked);
}

}  // namespace
}  // namespace tessera::guard
