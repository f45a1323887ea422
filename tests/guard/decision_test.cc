// The decision without a server: every refusal by name, and their order.
#include "tessera/guard/decision.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"
#include "tessera/guard/connection_peer.h"
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
    return {
        rule_,  {bearer, device_id_, several_devices_, peer_}, keys_, &view_, false, clock_.Now(),
        cached_};
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
  std::string device_id_;
  bool several_devices_ = false;
  const Peer* peer_ = nullptr;
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

// To do without the first list is no leave to do without what the guard knew and has forgotten.
TEST_F(DecisionTest, AViewWithHolesLetsNobodyInAlsoWithoutAFirstOne) {
  const std::string token = Sign(Good(), key_);
  RevocationNotice notice = Revoked(RevokedThing::kToken, "a", clock_.Now());
  notice.expires_at = clock_.Now() - absl::Minutes(1);
  view_.Merge({notice});
  ASSERT_EQ(view_.Prune(clock_.Now()), 0u);
  Facts facts = FactsOf({Bearer::Kind::kOne, token});
  facts.without_first_view = true;
  EXPECT_TRUE(Decide(verifier_, facts).ok());
  ASSERT_TRUE(view_.WasSetBack(clock_.Now() - absl::Hours(1)));
  EXPECT_EQ(ReasonOf(Decide(verifier_, facts).status()), reason::kRevocationViewStale);
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

// Then nobody need look for the key anywhere.
TEST_F(DecisionTest, ATokenWhoseKeyWasRevokedIsRevokedAlsoWhenTheKeyIsInNoSetAnyMore) {
  const std::string token = Sign(Good(), key_);
  keys_ = std::make_shared<const JwkSet>(SetOf({NewKey()}));
  view_.Merge({Revoked(RevokedThing::kKey, "another kid", clock_.Now())});
  EXPECT_EQ(ReasonFor(token), reason::kTokenUnknownKey);
  view_.Merge({Revoked(RevokedThing::kKey, key_.kid(), clock_.Now())});
  EXPECT_EQ(ReasonFor(token), reason::kTokenRevoked);
  EXPECT_EQ(ReasonFor("rubbish"), reason::kTokenMalformed);
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

TEST_F(DecisionTest, ARevocationOfAnAncestorOrAnActorHitsTheTokenCachedOrNot) {
  Claims claims = Good();
  claims.actors = {{"svc_b", 3}, {"svc_a", 1}};
  claims.parent_tokens = {TokenId("tok_parent"), TokenId("tok_grandparent")};
  const std::string token = Sign(claims, key_);
  const auto known = *DecideOn(token);
  const absl::Time now = clock_.Now();
  for (const auto& notice : {Revoked(RevokedThing::kToken, "tok_parent", now),
                             Revoked(RevokedThing::kToken, "tok_grandparent", now),
                             Revoked(RevokedThing::kUser, "svc_b", now, 4),
                             Revoked(RevokedThing::kUser, "svc_a", now, 2)}) {
    RevocationView view(clock_);
    view.MarkCurrent();
    view.Merge({notice});
    for (const auto& cached : {std::shared_ptr<const KnownToken>(), known}) {
      cached_ = cached;
      Facts facts = FactsOf({Bearer::Kind::kOne, token});
      facts.revocations = &view;
      EXPECT_EQ(ReasonOf(Decide(verifier_, facts).status()), reason::kTokenRevoked);
    }
  }
  view_.Merge({Revoked(RevokedThing::kUser, "svc_b", now, 3),
               Revoked(RevokedThing::kUser, "svc_a", now, 1),
               Revoked(RevokedThing::kSession, "tok_parent", now)});
  EXPECT_TRUE(DecideOn(token).ok());
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
  facts.presented.bearer = {Bearer::Kind::kNone, {}};
  EXPECT_EQ(ReasonOf(Decide(verifier_, facts).status()), reason::kTokenMissing);
}

TEST_F(DecisionTest, ARuleMayAskForAFreshListOfRevocations) {
  const std::string token = Sign(Good(), key_);
  clock_.Advance(absl::Seconds(11));
  EXPECT_TRUE(DecideOn(token).ok());
  rule_.max_staleness = absl::Seconds(11);
  EXPECT_TRUE(DecideOn(token).ok());
  clock_.Advance(absl::Nanoseconds(1));
  const absl::Status refused = DecideOn(token).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), reason::kRevocationViewStale);
  view_.MarkCurrent();
  EXPECT_TRUE(DecideOn(token).ok());
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

TEST_F(DecisionTest, AKindOfCallerIsToldByTheTokensSubject) {
  Claims claims = Good();
  const std::string user = Sign(claims, key_);
  claims.subject = "svc_a";
  const std::string service = Sign(claims, key_);
  rule_.kind = CallerKind::kUser;
  EXPECT_TRUE(DecideOn(user).ok());
  EXPECT_EQ(DecideOn(service).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonFor(service), reason::kCallerKind);
  rule_.kind = CallerKind::kService;
  EXPECT_TRUE(DecideOn(service).ok());
  EXPECT_EQ(ReasonFor(user), reason::kCallerKind);
  rule_.kind = static_cast<CallerKind>(42);
  EXPECT_EQ(ReasonFor(user), reason::kCallerKind);
}

TEST_F(DecisionTest, ADeviceBoundRuleWantsATokenWithADevice) {
  rule_.device_bound = true;
  device_id_ = "laptop";
  const auto refused = DecideOn(Sign(Good(), key_)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(refused), reason::kDeviceRequired);
}

TEST_F(DecisionTest, ADeviceBoundRuleWantsTheTokensOwnDeviceAndNoOther) {
  rule_.device_bound = true;
  Claims claims = Good();
  claims.device_hash = DeviceHash("laptop");
  const std::string token = Sign(claims, key_);
  device_id_ = "laptop";
  EXPECT_TRUE(DecideOn(token).ok());
  cached_ = *DecideOn(token);
  for (const char* other : {"", "Laptop", "laptop ", " laptop", "lapto", "laptop, laptop"}) {
    device_id_ = other;
    const auto refused = DecideOn(token).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated) << other;
    EXPECT_EQ(ReasonOf(refused), reason::kDeviceMismatch) << other;
  }
  device_id_ = "laptop";
  several_devices_ = true;
  EXPECT_EQ(ReasonFor(token), reason::kDeviceMismatch);
}

TEST_F(DecisionTest, WithoutSuchARuleTheDeviceIsNotAskedFor) {
  Claims claims = Good();
  claims.device_hash = DeviceHash("laptop");
  EXPECT_TRUE(DecideOn(Sign(claims, key_)).ok());
}

class FixedPeer final : public Peer {
 public:
  explicit FixedPeer(std::string thumbprint) : thumbprint_(std::move(thumbprint)) {}
  std::string CertificateThumbprint() const override { return thumbprint_; }

 private:
  const std::string thumbprint_;
};

TEST_F(DecisionTest, ABoundTokenWantsItsCertificateWhateverTheRule) {
  Claims claims = Good();
  claims.certificate = "thumbprint";
  const std::string token = Sign(claims, key_);
  const FixedPeer own("thumbprint");
  const FixedPeer other("Thumbprint");
  const FixedPeer none("");
  peer_ = &own;
  cached_ = *DecideOn(token);
  for (const Peer* peer : {static_cast<const Peer*>(nullptr), static_cast<const Peer*>(&other),
                           static_cast<const Peer*>(&none)}) {
    peer_ = peer;
    const auto refused = DecideOn(token).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(ReasonOf(refused), reason::kCertificateMismatch);
  }
}

TEST_F(DecisionTest, AFreshListThatNobodyFollowsIsNoFreshList) {
  Facts facts = FactsOf({Bearer::Kind::kOne, {}});
  const std::string token = Sign(Good(), key_);
  facts.presented.bearer.token = token;
  facts.revocations = nullptr;
  EXPECT_TRUE(Decide(verifier_, facts).ok());
  rule_.max_staleness = absl::Hours(1);
  EXPECT_EQ(ReasonOf(Decide(verifier_, facts).status()), reason::kRevocationViewStale);
}

TEST_F(DecisionTest, ARuleMayAskForARecentLoginAndATokenThatSaysNoneHasNone) {
  Claims claims = Good();
  claims.auth_time = clock_.Now();
  const std::string token = Sign(claims, key_);
  claims.auth_time = std::nullopt;
  const std::string silent = Sign(claims, key_);
  EXPECT_TRUE(DecideOn(silent).ok());
  rule_.max_login_age = absl::Minutes(5);
  const absl::Time login = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now()));
  clock_.SetWall(login + absl::Minutes(5));
  EXPECT_TRUE(DecideOn(token).ok());
  clock_.SetWall(login + absl::Minutes(5) + absl::Nanoseconds(1));
  for (const std::string& one : {token, silent}) {
    const absl::Status refused = DecideOn(one).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(ReasonOf(refused), reason::kStepUpRequired);
  }
}

TEST_F(DecisionTest, ACachedTokensLoginGrowsTooOldAsWell) {
  Claims claims = Good();
  claims.auth_time = clock_.Now();
  const std::string token = Sign(claims, key_);
  rule_.max_login_age = absl::Minutes(5);
  cached_ = *DecideOn(token);
  clock_.Advance(absl::Minutes(5) + absl::Seconds(1));
  EXPECT_EQ(ReasonFor(token), reason::kStepUpRequired);
}

TEST_F(DecisionTest, ARuleMayAskForALoginWithASecondFactor) {
  rule_.second_factor = true;
  Claims claims = Good();
  for (const auto& amr : std::vector<std::vector<std::string>>{
           {}, {"pwd"}, {"pwd", "otp"}, {"MFA"}, {"mfa "}, {"pwd mfa"}}) {
    claims.amr = amr;
    const absl::Status refused = DecideOn(Sign(claims, key_)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(ReasonOf(refused), reason::kStepUpRequired);
  }
  claims.amr = {"pwd", "otp", "mfa"};
  EXPECT_TRUE(DecideOn(Sign(claims, key_)).ok());
}

TEST_F(DecisionTest, ALoginIsAskedForOnlyWhereItWouldHelp) {
  rule_.second_factor = true;
  rule_.max_login_age = absl::Minutes(5);
  rule_.any_role = {"a"};
  EXPECT_EQ(ReasonFor(Sign(Good(), key_)), reason::kRoleRequired);
}

TEST_F(DecisionTest, ARevokedTokenIsToldSoBeforeItsRoleIsLookedAt) {
  rule_.any_role = {"a"};
  view_.Merge({Revoked(RevokedThing::kToken, "tok_usr_a", clock_.Now())});
  EXPECT_EQ(ReasonFor(Sign(Good(), key_)), reason::kTokenRevoked);
}

TEST_F(DecisionTest, ARuleThatAsksForACertificateLetsNoUnboundTokenIn) {
  rule_.certificate_bound = true;
  const ReadPeer own("thumbprint");
  peer_ = &own;
  const auto unbound = DecideOn(Sign(Good(), key_));
  EXPECT_EQ(unbound.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(unbound.status()), reason::kCertificateRequired);
  Claims claims = Good();
  claims.certificate = "thumbprint";
  const std::string bound = Sign(claims, key_);
  EXPECT_TRUE(DecideOn(bound).ok());
  const ReadPeer other("other");
  peer_ = &other;
  EXPECT_EQ(ReasonFor(bound), reason::kCertificateMismatch);
  peer_ = nullptr;
  EXPECT_EQ(ReasonFor(bound), reason::kCertificateMismatch);
  EXPECT_EQ(ReasonFor(Sign(Good(), key_)), reason::kCertificateRequired);
}

}  // namespace
}  // namespace tessera::guard
