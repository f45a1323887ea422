// The explanation is the decision, with the check that made it named.
#include "tessera/guard/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>

#include "tessera/base/reason.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExplainTest : public ::testing::Test {
 protected:
  ExplainTest() : view_(clock_) {
    view_.MarkCurrent();
    rule_.admission = Admission::kAuthenticated;
  }
  Explanation Explain(const std::string& token) {
    ExplainFacts facts;
    facts.issuer = kIssuer;
    facts.audience = kAudience;
    facts.rule = rule_;
    facts.keys = SetOf({key_});
    facts.revocations = &view_;
    facts.now = clock_.Now();
    ShownCall call;
    call.method = "/pkg.Service/Method";
    if (!token.empty()) call.token = Secret::CopyOf(token);
    call.device_id = device_id_;
    call.certificate = certificate_;
    return *ExplainCall(facts, call);
  }
  // "check: reason"; empty if the call is let in.
  std::string FailedFor(const std::string& token) {
    const Explanation explanation = Explain(token);
    const ExplainedCheck* const failed = explanation.Failed();
    EXPECT_EQ(failed == nullptr, explanation.verdict.ok());
    if (failed == nullptr) return "";
    EXPECT_EQ(failed->text, std::string(explanation.verdict.message()));
    return failed->check + ": " + ReasonOf(explanation.verdict);
  }
  Claims Good() const { return ClaimsFor("usr_a", clock_.Now()); }
  std::string With(const std::function<void(Claims&)>& change) {
    Claims claims = Good();
    change(claims);
    return Sign(claims, key_);
  }

  FakeClock clock_;
  const SigningKey key_ = NewKey();
  RevocationView view_;
  Rule rule_;
  std::string device_id_;
  std::string certificate_;
};

TEST_F(ExplainTest, AGoodTokenPassesEveryCheck) {
  const Explanation explanation = Explain(Sign(Good(), key_));
  EXPECT_TRUE(explanation.verdict.ok());
  EXPECT_EQ(explanation.Failed(), nullptr);
  EXPECT_EQ(explanation.checks.size(), 18u);
  for (const ExplainedCheck& check : explanation.checks) {
    EXPECT_EQ(check.outcome, CheckOutcome::kPassed) << check.check;
  }
}

TEST_F(ExplainTest, NamesWhatIsWrongWithAToken) {
  EXPECT_EQ(FailedFor(""), "one bearer token: TOKEN_MISSING");
  EXPECT_EQ(FailedFor("a b"), "one bearer token: TOKEN_MALFORMED");
  EXPECT_EQ(FailedFor("rubbish"), "well formed: TOKEN_MALFORMED");
  EXPECT_EQ(FailedFor(Sign(Good(), NewKey())), "key trusted: TOKEN_UNKNOWN_KEY");
  std::string forged = Sign(Good(), key_);
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(FailedFor(forged), "signature: TOKEN_SIGNATURE");
  EXPECT_EQ(FailedFor(With([](Claims& claims) { claims.issuer = "https://else"; })),
            "issuer: TOKEN_ISSUER");
  EXPECT_EQ(FailedFor(With([](Claims& claims) { claims.audience = "else"; })),
            "audience: TOKEN_AUDIENCE");
  EXPECT_EQ(FailedFor(With([](Claims& claims) { claims.expires_at -= absl::Hours(1); })),
            "time: TOKEN_EXPIRED");
  EXPECT_EQ(FailedFor(With([](Claims& claims) { claims.not_before += absl::Minutes(5); })),
            "time: TOKEN_NOT_YET_VALID");
}

TEST_F(ExplainTest, NamesWhatTheRuleAsksFor) {
  const std::string good = Sign(Good(), key_);
  const auto failed_by = [&](const std::function<void(Rule&)>& change) {
    const Rule before = rule_;
    change(rule_);
    const std::string failed = FailedFor(good);
    rule_ = before;
    return failed;
  };
  EXPECT_EQ(failed_by([](Rule& rule) { rule = Rule(); }), "rule of the method: METHOD_UNRULED");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.any_role = {"a"}; }), "role: ROLE_REQUIRED");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.all_scopes = {"a"}; }), "scope: SCOPE_REQUIRED");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.kind = CallerKind::kService; }),
            "kind of caller: CALLER_KIND");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.device_bound = true; }), "device: DEVICE_REQUIRED");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.certificate_bound = true; }),
            "client certificate: CERTIFICATE_REQUIRED");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.second_factor = true; }),
            "second factor: STEP_UP_REQUIRED");
  EXPECT_EQ(failed_by([](Rule& rule) { rule.max_login_age = absl::Minutes(5); }),
            "login age: STEP_UP_REQUIRED");
  view_.Merge({Revoked(RevokedThing::kUser, "usr_a", clock_.Now(), 2)});
  EXPECT_EQ(failed_by([](Rule&) {}), "not revoked: TOKEN_REVOKED");
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(failed_by([](Rule& rule) { rule.max_staleness = absl::Seconds(1); }),
            "revocations known: REVOCATION_VIEW_STALE");
}

TEST_F(ExplainTest, GoesOnAskingAfterTheFailureThatDecides) {
  rule_.any_role = {"a"};
  rule_.all_scopes = {"b"};
  const Explanation explanation = Explain(Sign(Good(), key_));
  EXPECT_EQ(ReasonOf(explanation.verdict), reason::kRoleRequired);
  const std::string text = explanation.ToText();
  EXPECT_THAT(text, HasSubstr("passed  audience\n"));
  EXPECT_THAT(text, HasSubstr("FAILED  role: ROLE_REQUIRED: "));
  EXPECT_THAT(text, HasSubstr("FAILED  scope: SCOPE_REQUIRED: "));
}

TEST_F(ExplainTest, AsksNothingOfATokenThatDoesNotVerify) {
  const Explanation explanation = Explain(Sign(Good(), NewKey()));
  const std::string text = explanation.ToText();
  EXPECT_THAT(text, HasSubstr("-       signature\n"));
  EXPECT_THAT(text, HasSubstr("-       role\n"));
  EXPECT_EQ(explanation.checks.size(), 18u);
}

TEST_F(ExplainTest, ShowsTheCallsDeviceAndCertificate) {
  rule_.certificate_bound = true;
  rule_.device_bound = true;
  device_id_ = "a device id of some length";
  certificate_ = "thumbprint";
  const std::string token = With([&](Claims& claims) {
    claims.certificate = "thumbprint";
    claims.device_hash = DeviceHash(device_id_);
  });
  EXPECT_EQ(FailedFor(token), "");
  device_id_ = "another device id altogether";
  EXPECT_EQ(FailedFor(token), "device: DEVICE_MISMATCH");
  certificate_ = "other";
  EXPECT_EQ(FailedFor(token), "client certificate: CERTIFICATE_MISMATCH");
}

TEST_F(ExplainTest, NeverHoldsTheToken) {
  const std::string token = With([](Claims& claims) { claims.audience = "else"; });
  const std::string tail = token.substr(token.size() - 20);
  EXPECT_THAT(Explain(token).ToText(), Not(HasSubstr(tail)));
}

TEST_F(ExplainTest, WithoutIssuerOrAudienceThereIsNothingToExplain) {
  EXPECT_EQ(ExplainCall(ExplainFacts(), ShownCall()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// While nobody can be asked about it, an unknown key is no fault of the token's.
TEST(GuardExplain, BlamesTheKeysAndNotTheTokenWhileTheyCannotBeFetched) {
  const auto keys = std::make_shared<HeldKeys>();
  World::Options options;
  options.keys = keys;
  options.adjust = [](GuardOptions& guard) { guard.max_park = absl::Seconds(30); };
  World world(options);
  const std::string token = world.TokenOf("usr_a");
  const auto explain = [&] {
    ShownCall call;
    call.method = "/tessera.test.guard.Echo/Say";
    call.token = Secret::CopyOf(token);
    const Explanation explanation = world.guard().Explain(call);
    const ExplainedCheck* const failed = explanation.Failed();
    if (failed == nullptr) return std::string("let in");
    EXPECT_EQ(failed->check, "key trusted");
    EXPECT_EQ(failed->text, std::string(explanation.verdict.message()));
    return ReasonOf(explanation.verdict);
  };
  // Makes a call, whose fetch ends with `status`, and returns the reason of its refusal.
  const auto call = [&](const absl::Status& status) {
    const int before = keys->fetches();
    auto outcome =
        std::async(std::launch::async, [&] { return world.Call(Shape::kUnary, BearerOf(token)); });
    EXPECT_TRUE(Eventually([&] { return keys->fetches() == before + 1; }));
    keys->Finish(status);
    return ReasonIn(outcome.get().status);
  };
  EXPECT_EQ(explain(), "KEYS_UNAVAILABLE") << "there are none";
  keys->Set(SetOf({NewKey()}));
  EXPECT_EQ(explain(), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(call(absl::UnavailableError("away")), "KEYS_UNAVAILABLE");
  EXPECT_EQ(explain(), "KEYS_UNAVAILABLE") << "as the call";
  EXPECT_EQ(call(absl::OkStatus()), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(explain(), "TOKEN_UNKNOWN_KEY") << "as the call";
  EXPECT_EQ(keys->fetches(), 2) << "explaining fetches nothing";
  keys->Set(SetOf({world.key}));
  EXPECT_EQ(explain(), "let in");
}

// The guard's own: what it says is what a call then gets, and asking counts nowhere.
TEST(GuardExplain, SaysWhatTheCallGets) {
  World world;
  const auto explain = [&](const std::string& method, const std::string& token) {
    ShownCall call;
    call.method = method;
    if (!token.empty()) call.token = Secret::CopyOf(token);
    return world.guard().Explain(call);
  };
  const std::string token = world.TokenOf("usr_a");
  EXPECT_TRUE(explain("/tessera.test.guard.Echo/Say", token).verdict.ok());
  EXPECT_TRUE(explain("/tessera.test.guard.Echo/Open", "").verdict.ok());
  const Explanation admin = explain("/tessera.test.guard.Echo/AdminSay", token);
  EXPECT_EQ(admin.Failed()->check, "role");
  EXPECT_EQ(std::string(admin.verdict.message()),
            world.Call(Shape::kUnary, BearerOf(token), true).status.error_message());
  for (const char* path : {"/tessera.test.guard.Echo/say", "/tessera.test.guard.Echo/Say/", "", "/",
                           "//tessera.test.guard.Echo/Say", "tessera.test.guard.Echo/Say"}) {
    const Explanation explanation = explain(path, token);
    EXPECT_EQ(explanation.verdict.code(), absl::StatusCode::kUnimplemented) << path;
    EXPECT_EQ(explanation.Failed()->check, "rule of the method") << path;
  }
  world.view->Merge({Revoked(RevokedThing::kSession, "ses_usr_a", world.clock.Now())});
  EXPECT_EQ(explain("/tessera.test.guard.Echo/Say", token).Failed()->check, "not revoked");
  const auto metrics = world.guard().Metrics();
  ASSERT_EQ(metrics.decisions.size(), 1u);
  EXPECT_EQ(metrics.decisions[0].reason, "ROLE_REQUIRED");
}

}  // namespace
}  // namespace tessera::testing
