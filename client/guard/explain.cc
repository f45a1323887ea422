#include "tessera/guard/explain.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/connection_peer.h"
#include "tessera/guard/explanation.h"

namespace tessera {
namespace guard {
namespace {

constexpr std::string_view kRuleCheck = "rule of the method";
constexpr std::string_view kBearerCheck = "one bearer token";

// What TokenVerifier finds, in its order, and by which reasons. The first check takes the rest.
struct VerifierCheck {
  std::string_view name;
  std::array<std::string_view, 2> reasons;
};
constexpr std::array<VerifierCheck, 7> kVerifierChecks = {{
    {"well formed", {reason::kTokenMalformed, reason::kTokenTooLarge}},
    {"key trusted", {reason::kTokenUnknownKey, reason::kTokenRevoked}},
    {"signature", {reason::kTokenSignature, {}}},
    {"type", {reason::kTokenType, {}}},
    {"issuer", {reason::kTokenIssuer, {}}},
    {"audience", {reason::kTokenAudience, {}}},
    {"time", {reason::kTokenExpired, reason::kTokenNotYetValid}},
}};

size_t VerifierCheckOf(const absl::Status& refusal) {
  const std::string reason = ReasonOf(refusal);
  if (reason.empty()) return 0;
  for (size_t i = 0; i < kVerifierChecks.size(); ++i) {
    const auto& reasons = kVerifierChecks[i].reasons;
    if (std::find(reasons.begin(), reasons.end(), reason) != reasons.end()) return i;
  }
  return 0;
}

class Writing {
 public:
  void Add(std::string_view check, CheckOutcome outcome) {
    explanation_.checks.push_back({std::string(check), outcome, {}});
  }
  void Add(std::string_view check, const absl::Status& found) {
    Add(check, found.ok() ? CheckOutcome::kPassed : CheckOutcome::kFailed);
    if (found.ok()) return;
    explanation_.checks.back().text = std::string(found.message());
    if (explanation_.verdict.ok()) explanation_.verdict = found;
  }
  // `refusal` not OK: of the check that it belongs to, and those behind it were not asked.
  void AddVerifier(const absl::Status& refusal) {
    const size_t failed = refusal.ok() ? kVerifierChecks.size() : VerifierCheckOf(refusal);
    for (size_t i = 0; i < kVerifierChecks.size(); ++i) {
      if (i == failed) {
        Add(kVerifierChecks[i].name, refusal);
      } else {
        Add(kVerifierChecks[i].name, i < failed ? CheckOutcome::kPassed : CheckOutcome::kNotAsked);
      }
    }
  }
  void AddVerifierNotAsked() {
    for (const VerifierCheck& check : kVerifierChecks) Add(check.name, CheckOutcome::kNotAsked);
  }
  void AddTokenNotAsked() {
    for (const TokenCheck& check : TokenChecks()) Add(check.name, CheckOutcome::kNotAsked);
  }
  Explanation Finish() { return std::move(explanation_); }

 private:
  Explanation explanation_;
};

}  // namespace

Explanation ExplainDecision(const TokenVerifier& verifier, const Facts& facts) {
  Writing writing;
  const absl::Status admission = CheckAdmission(facts.rule);
  writing.Add(kRuleCheck, admission);
  const bool asks_for_token = admission.ok() && facts.rule.admission == Admission::kAuthenticated;
  const absl::Status bearer =
      asks_for_token ? CheckBearer(facts.presented.bearer) : absl::OkStatus();
  if (asks_for_token) {
    writing.Add(kBearerCheck, bearer);
  } else {
    writing.Add(kBearerCheck, CheckOutcome::kNotAsked);
  }
  if (!asks_for_token || !bearer.ok()) {
    writing.AddVerifierNotAsked();
    writing.AddTokenNotAsked();
    return writing.Finish();
  }
  const auto known = Establish(verifier, facts);
  writing.AddVerifier(known.status());
  if (!known.ok()) {
    writing.AddTokenNotAsked();
    return writing.Finish();
  }
  for (const TokenCheck& check : TokenChecks()) writing.Add(check.name, check.ask(facts, **known));
  return writing.Finish();
}

Explanation ExplainNoRule(const absl::Status& refusal) {
  Writing writing;
  writing.Add(kRuleCheck, refusal);
  writing.Add(kBearerCheck, CheckOutcome::kNotAsked);
  writing.AddVerifierNotAsked();
  writing.AddTokenNotAsked();
  return writing.Finish();
}

Presented PresentedBy(const ShownCall& call, const Peer& peer) {
  Presented presented;
  if (!call.token.empty()) presented.bearer = TokenIn(call.token.Reveal());
  presented.device_id = call.device_id;
  presented.peer = &peer;
  return presented;
}

}  // namespace guard

const ExplainedCheck* Explanation::Failed() const {
  const auto failed = std::find_if(checks.begin(), checks.end(), [](const ExplainedCheck& check) {
    return check.outcome == CheckOutcome::kFailed;
  });
  return failed == checks.end() ? nullptr : &*failed;
}

std::string Explanation::ToText() const {
  std::string text;
  for (const ExplainedCheck& check : checks) {
    switch (check.outcome) {
      case CheckOutcome::kPassed:
        absl::StrAppend(&text, "passed  ", check.check, "\n");
        break;
      case CheckOutcome::kFailed:
        absl::StrAppend(&text, "FAILED  ", check.check, ": ", check.text, "\n");
        break;
      case CheckOutcome::kNotAsked:
        absl::StrAppend(&text, "-       ", check.check, "\n");
        break;
    }
  }
  return text;
}

absl::StatusOr<Explanation> ExplainCall(const ExplainFacts& facts, const ShownCall& call) {
  Expected expected;
  expected.issuer = facts.issuer;
  expected.audience = facts.audience;
  expected.leeway = facts.leeway;
  TESSERA_ASSIGN_OR_RETURN(const TokenVerifier verifier,
                           TokenVerifier::Create(std::move(expected)));
  const guard::ReadPeer peer(call.certificate);
  const guard::Facts decided_on{facts.rule,
                                guard::PresentedBy(call, peer),
                                std::make_shared<const JwkSet>(facts.keys),
                                facts.revocations,
                                false,
                                facts.now,
                                nullptr};
  return guard::ExplainDecision(verifier, decided_on);
}

}  // namespace tessera
