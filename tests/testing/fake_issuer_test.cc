// A FakeIssuer's tokens are good where they are to be good, and bad for the one reason that their
// name says, before a real guard.
#include "tessera/testing/fake_issuer.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/testing/talk.h"

namespace tessera::testing {
namespace {

constexpr char kDevice[] = "a-phone-0123456789";

TEST(FakeIssuer, ATokenIsGoodUntilTheClockSaysOtherwise) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  const std::string token = issuer.Token("usr_alice");
  EXPECT_EQ(server.Verdict(token), "admitted");
  issuer.clock().Advance(absl::Minutes(15) + absl::Seconds(4));  // within the guard's leeway
  EXPECT_EQ(server.Verdict(token), "admitted");
  issuer.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(server.Verdict(token), "TOKEN_EXPIRED");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
}

TEST(FakeIssuer, ABadTokenIsRefusedForItsOneReason) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice", Expired())), "TOKEN_EXPIRED");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice", NotYetValid())), "TOKEN_NOT_YET_VALID");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice", ForAudience("else"))), "TOKEN_AUDIENCE");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice", ByIssuer("https://else.test"))),
            "TOKEN_ISSUER");
  EXPECT_EQ(server.Verdict(issuer.TokenOfForeignKey("usr_alice")), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(server.Verdict(issuer.ForgedToken("usr_alice")), "TOKEN_SIGNATURE");
  EXPECT_EQ(server.Verdict(issuer.RevokedToken("usr_alice")), "TOKEN_REVOKED");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
}

TEST(FakeIssuer, TheTokensOfOneAreForeignToTheGuardOfAnother) {
  const FakeIssuer issuer, other;
  EXPECT_EQ(TalkServer(issuer).Verdict(other.Token("usr_alice")), "TOKEN_UNKNOWN_KEY");
}

TEST(FakeIssuer, EveryAlgorithmMakesTokens) {
  for (const Algorithm algorithm :
       {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256, Algorithm::kHs256}) {
    FakeIssuerOptions options;
    options.algorithm = algorithm;
    FakeIssuer issuer(options);
    const TalkServer server(issuer);
    EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
    EXPECT_EQ(server.Verdict(issuer.ForgedToken("usr_alice")), "TOKEN_SIGNATURE");
  }
}

TEST(FakeIssuer, WhatATokenSaysReachesTheHandler) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  const std::string token =
      issuer.Token("usr_alice", WithRoles({"a", "b"}), WithScopes({"read"}), WithGroups({"buyers"}),
                   WithSecondFactor(), LoggedInBefore(absl::Minutes(3)), OfSession("ses_1"),
                   BoundToDevice(kDevice), ActedBy("svc_first"), ActedBy("svc_last"),
                   [](Claims& claims) { claims.client_id = "cron"; });
  ASSERT_EQ(server.Verdict(token), "admitted");
  const auto last = server.talk().last();
  const Principal& caller = *last;
  EXPECT_EQ(caller.kind, PrincipalKind::kUser);
  EXPECT_EQ(caller.subject(), "usr_alice");
  EXPECT_TRUE(caller.HasRole("a") && caller.HasRole("b") && caller.HasScope("read"));
  EXPECT_TRUE(caller.InGroup("buyers"));
  EXPECT_EQ(caller.claims.amr, (std::vector<std::string>{"pwd", "otp", "mfa"}));
  EXPECT_EQ(caller.claims.auth_time, issuer.clock().Now() - absl::Minutes(3));
  EXPECT_EQ(caller.session().str(), "ses_1");
  EXPECT_EQ(caller.device(), DeviceHash(kDevice));
  ASSERT_EQ(caller.actors().size(), 2u);
  EXPECT_EQ(caller.actors()[0].subject, "svc_last");
  EXPECT_EQ(caller.claims.client_id, "cron");
}

TEST(FakeIssuer, AServiceAccountHasNoLoginAndNoSession) {
  FakeIssuer issuer;
  const TalkServer server(issuer, Asking([](Rule& rule) { rule.kind = CallerKind::kService; }));
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "CALLER_KIND");
  ASSERT_EQ(server.Verdict(issuer.Token("svc_cron")), "admitted");
  EXPECT_TRUE(server.talk().last()->session().empty());
  EXPECT_FALSE(server.talk().last()->claims.auth_time.has_value());
}

TEST(FakeIssuer, TheChangesMakeWhatRulesAskFor) {
  FakeIssuer issuer;
  const TalkServer scopes(issuer, Asking([](Rule& rule) { rule.all_scopes = {"a", "b"}; }));
  EXPECT_EQ(scopes.Verdict(issuer.Token("usr_alice", WithScopes({"a"}))), "SCOPE_REQUIRED");
  EXPECT_EQ(scopes.Verdict(issuer.Token("usr_alice", WithScopes({"a", "b"}))), "admitted");

  const TalkServer devices(issuer, Asking([](Rule& rule) { rule.device_bound = true; }));
  const std::string bound = issuer.Token("usr_alice", BoundToDevice(kDevice));
  EXPECT_EQ(devices.Verdict(issuer.Token("usr_alice")), "DEVICE_REQUIRED");
  EXPECT_EQ(devices.Verdict(bound), "DEVICE_MISMATCH");
  EXPECT_EQ(devices.Verdict(bound, {{"tessera-device-id", kDevice}}), "admitted");

  const TalkServer strict(issuer, Asking([](Rule& rule) {
                            rule.second_factor = true;
                            rule.max_login_age = absl::Minutes(5);
                          }));
  EXPECT_EQ(strict.Verdict(issuer.Token("usr_alice")), "STEP_UP_REQUIRED");
  EXPECT_EQ(strict.Verdict(issuer.Token("usr_alice", WithSecondFactor())), "admitted");
  EXPECT_EQ(strict.Verdict(
                issuer.Token("usr_alice", WithSecondFactor(), LoggedInBefore(absl::Minutes(6)))),
            "STEP_UP_REQUIRED");
}

TEST(FakeIssuer, RevokingIsFeltAtOnceAndByWhomItIsMeantFor) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  const std::string token = issuer.Token("usr_alice");
  const std::string sister = issuer.Token("usr_alice");
  issuer.RevokeToken(token);
  EXPECT_EQ(server.Verdict(token), "TOKEN_REVOKED");
  EXPECT_EQ(server.Verdict(sister), "admitted");

  const std::string one = issuer.Token("usr_alice", OfSession("ses_1"));
  const std::string two = issuer.Token("usr_alice", OfSession("ses_1"));
  issuer.RevokeSession(one);
  EXPECT_EQ(server.Verdict(two), "TOKEN_REVOKED");
  EXPECT_EQ(server.Verdict(sister), "admitted");

  issuer.RevokeUser("usr_alice");
  EXPECT_EQ(server.Verdict(sister), "TOKEN_REVOKED");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_bob")), "admitted");
}

TEST(FakeIssuer, AnExchangedTokenDiesWithItsParentAndItsActor) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  const std::string parent = issuer.Token("usr_alice", WithRoles({"a"}));
  const std::string child = issuer.ExchangedToken(parent, "svc_gateway");
  const std::string grandchild = issuer.ExchangedToken(child, "svc_orders", WithRoles({"b"}));
  ASSERT_EQ(server.Verdict(child), "admitted");
  EXPECT_TRUE(server.talk().last()->HasRole("a"));
  ASSERT_EQ(server.Verdict(grandchild), "admitted");
  EXPECT_EQ(server.talk().last()->subject(), "usr_alice");
  ASSERT_EQ(server.talk().last()->actors().size(), 2u);
  EXPECT_EQ(server.talk().last()->actors()[0].subject, "svc_orders");
  issuer.RevokeUser("svc_orders");
  EXPECT_EQ(server.Verdict(grandchild), "TOKEN_REVOKED");
  EXPECT_EQ(server.Verdict(child), "admitted");
  EXPECT_EQ(server.Verdict(issuer.ExchangedToken(child, "svc_orders")), "admitted");
  issuer.RevokeToken(parent);
  EXPECT_EQ(server.Verdict(child), "TOKEN_REVOKED");
}

TEST(FakeIssuer, ARotatedKeyIsTrustedOnAndARevokedOneIsNot) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  const std::string first = issuer.Token("usr_alice");
  issuer.RotateKey();
  const std::string second = issuer.Token("usr_alice");
  EXPECT_EQ(server.Verdict(first), "admitted");
  EXPECT_EQ(server.Verdict(second), "admitted");
  issuer.RevokeKey();
  EXPECT_EQ(server.Verdict(second), "TOKEN_REVOKED");
  EXPECT_EQ(server.Verdict(first), "admitted");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
}

TEST(FakeIssuer, AwayAnUnknownKeyIsUnavailableAndKnownOnesGoOn) {
  FakeIssuer issuer;
  const TalkServer server(issuer);
  issuer.SetAway(true);
  EXPECT_EQ(server.Verdict(issuer.TokenOfForeignKey("usr_alice")), "KEYS_UNAVAILABLE");
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
  issuer.SetAway(false);
  EXPECT_EQ(server.Verdict(issuer.TokenOfForeignKey("usr_alice")), "TOKEN_UNKNOWN_KEY");
}

TEST(FakeIssuer, TheListOfRevocationsIsMissingUntilConfirmedAndGrowsOld) {
  FakeIssuerOptions options;
  options.revocations_known = false;
  FakeIssuer issuer(options);
  const TalkServer server(issuer,
                          Asking([](Rule& rule) { rule.max_staleness = absl::Minutes(1); }));
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "REVOCATION_VIEW_STALE");
  issuer.ConfirmRevocations();
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
  issuer.clock().Advance(absl::Minutes(2));
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "REVOCATION_VIEW_STALE");
  issuer.ConfirmRevocations();
  EXPECT_EQ(server.Verdict(issuer.Token("usr_alice")), "admitted");
}

TEST(FakeIssuer, ItsKeysCanBeHandedToAGuardElsewhere) {
  const FakeIssuer issuer;
  GuardOptions options = issuer.MakeGuardOptions();
  options.keys = KeysInHand(*JwkSet::Parse(issuer.JwksJson()));
  EXPECT_EQ(TalkServer(options, AnyToken()).Verdict(issuer.Token("usr_alice")), "admitted");
}

TEST(FakeIssuer, ItsSourcesMayOutliveIt) {
  std::shared_ptr<KeySource> keys;
  std::shared_ptr<RevocationSource> revocations;
  {
    FakeIssuer issuer;
    keys = issuer.keys();
    revocations = issuer.revocations();
    issuer.RevokeUser("usr_alice");
  }
  EXPECT_EQ(keys->Current()->keys().size(), 1u);
  EXPECT_EQ(revocations->view()->size(), 1u);
  EXPECT_EQ(revocations->view()->Age(), absl::ZeroDuration());  // asks the clock
}

TEST(FakeIssuer, WhatCannotBeATokenThrowsInsteadOfLettingATestPass) {
  FakeIssuer issuer;
  EXPECT_THROW(BoundToDevice("short"), std::invalid_argument);
  EXPECT_THROW(BoundToCertificate("not PEM"), std::invalid_argument);
  EXPECT_THROW(issuer.RevokeSession(issuer.Token("svc_cron")), std::invalid_argument);
  EXPECT_THROW(issuer.RevokeToken("not a token"), std::invalid_argument);
  EXPECT_THROW(issuer.Token("usr_alice", WithRoles({std::string(5000, 'a')})),
               std::invalid_argument);
  EXPECT_THROW(issuer.Token("usr_alice", WithScopes({"with space"})), std::invalid_argument);
}

}  // namespace
}  // namespace tessera::testing
