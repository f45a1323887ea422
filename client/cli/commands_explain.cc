// explain: why a guarded service lets a call in or refuses it.
#include <fstream>
#include <iterator>
#include <ostream>

#include "nlohmann/json.hpp"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/prompt.h"
#include "tessera/cli/render.h"
#include "tessera/cli/token_source.h"
#include "tessera/guard/explain.h"
#include "tessera/guard/rule_book.h"
#include "tessera/guard/rules_from_descriptor_set.h"
#include "tessera/token/certificate.h"
#include "tessera/token/token_verifier.h"

namespace tessera::cli {
namespace {

using tessera::v1::ERROR_REASON_TOKEN_REVOKED;
using tessera::v1::ValidateTokenResponse;

// `tokens.self_audience`, unless a server is told otherwise.
constexpr char kOwnAudience[] = "tessera";

struct ExplainArguments {
  TokenSource source;
  std::string method;
  std::string issuer;
  std::string descriptor_set;
  std::string jwks_file;
  std::string device_id_file;
  std::string certificate;
};

absl::StatusOr<std::string> ReadWhole(const char* option, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) return UsageError(std::string(option) + ": cannot read " + path);
  return text;
}

absl::StatusOr<Rule> OwnRule(const std::string& method) {
  const auto book = guard::RuleBook::Make({method}, {}, ReflectionAccess::kOff);
  const guard::RuledMethod* const found = book.ok() ? (*book)->Find(method) : nullptr;
  if (found != nullptr) return found->rule;
  return UsageError(
      "--method: tesserad has no such method; for another service's give "
      "--descriptor-set");
}

absl::StatusOr<Rule> RuleOf(const ExplainArguments& arguments) {
  if (arguments.descriptor_set.empty()) return OwnRule(arguments.method);
  TESSERA_ASSIGN_OR_RETURN(const std::string bytes,
                           ReadWhole("--descriptor-set", arguments.descriptor_set));
  const auto described = RulesFromDescriptorSet(bytes);
  if (!described.ok()) {
    return UsageError("--descriptor-set: " + std::string(described.status().message()));
  }
  const auto found = described->rules.find(arguments.method);
  if (found != described->rules.end()) return found->second;
  return UsageError("--method: the descriptor set has no such method");
}

// A service's rules say nothing of the name that its tokens carry, and tessera's own would be
// judged as another service's.
absl::StatusOr<std::string> AudienceOf(const ExplainArguments& arguments) {
  if (!arguments.source.audience.empty()) return arguments.source.audience;
  if (arguments.descriptor_set.empty()) return std::string(kOwnAudience);
  return UsageError("--audience: which service is it? its tokens carry this name, such as orders");
}

absl::StatusOr<std::string> IssuerOf(Invocation& invocation, const ExplainArguments& arguments) {
  if (!arguments.issuer.empty()) return arguments.issuer;
  const std::string& logged_in = invocation.settings().context.issuer;
  if (arguments.jwks_file.empty() && !logged_in.empty()) return logged_in;
  return UsageError("whose tokens are good? give --issuer");
}

absl::StatusOr<ShownCall> CallOf(Invocation& invocation, const ExplainArguments& arguments) {
  ShownCall call;
  call.method = arguments.method;
  TESSERA_ASSIGN_OR_RETURN(call.token, AnyToken(invocation, arguments.source));
  if (!arguments.device_id_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const Secret device_id,
                             ReadTokenFile(arguments.device_id_file, invocation.world().sources));
    call.device_id = std::string(device_id.Reveal());
  }
  if (arguments.certificate.empty()) return call;
  TESSERA_ASSIGN_OR_RETURN(const std::string pem,
                           ReadWhole("--certificate", arguments.certificate));
  call.certificate = CertificateThumbprint(pem);
  if (!call.certificate.empty()) return call;
  return UsageError("--certificate: " + arguments.certificate + " holds no certificate");
}

// What the server says of the token, as a guard would have it from the feed.
absl::Status LearnRevocation(Invocation& invocation, const ExplainFacts& facts,
                             const ShownCall& call, RevocationView& view) {
  TESSERA_ASSIGN_OR_RETURN(const ValidateTokenResponse answer, Introspect(invocation, call.token));
  view.MarkCurrent();
  if (answer.active() || answer.reason() != ERROR_REASON_TOKEN_REVOKED) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const TokenVerifier verifier,
                           TokenVerifier::Create({facts.issuer, std::nullopt, facts.leeway}));
  const auto verified = verifier.Verify(call.token.Reveal(), facts.keys, facts.now);
  if (!verified.ok()) return absl::OkStatus();  // the explanation will say why
  RevocationNotice notice;
  notice.thing = RevokedThing::kToken;
  notice.id_hash = verified->token_hash();
  notice.expires_at = verified->claims().expires_at;
  view.Merge({notice});
  return absl::OkStatus();
}

const char* WordOf(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kPassed:
      return "passed";
    case CheckOutcome::kFailed:
      return "failed";
    case CheckOutcome::kNotAsked:
      break;
  }
  return "not_asked";
}

void Show(Invocation& invocation, const Explanation& explanation, bool asked_server) {
  if (!invocation.json()) {
    invocation.world().out << explanation.ToText();
    if (!asked_server) invocation.PrintLine("Whether the token is revoked was asked of nobody.");
    return;
  }
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const ExplainedCheck& check : explanation.checks) {
    checks.push_back(
        {{"check", check.check}, {"outcome", WordOf(check.outcome)}, {"text", check.text}});
  }
  invocation.PrintJson({{"admitted", explanation.verdict.ok()},
                        {"revocation_checked", asked_server},
                        {"checks", checks}});
}

// `pkg.Service/Method`, as grpcurl takes it, is the same method. A rule book takes no path without
// the slash, not even an empty one.
ExplainArguments WithSlash(ExplainArguments arguments) {
  if (arguments.method.rfind('/', 0) != 0) arguments.method.insert(0, "/");
  return arguments;
}

absl::Status Explain(Invocation& invocation, const ExplainArguments& given) {
  const ExplainArguments arguments = WithSlash(given);
  ExplainFacts facts;
  TESSERA_ASSIGN_OR_RETURN(facts.audience, AudienceOf(arguments));
  TESSERA_ASSIGN_OR_RETURN(facts.rule, RuleOf(arguments));
  TESSERA_ASSIGN_OR_RETURN(facts.issuer, IssuerOf(invocation, arguments));
  TESSERA_ASSIGN_OR_RETURN(const ShownCall call, CallOf(invocation, arguments));
  TESSERA_ASSIGN_OR_RETURN(facts.keys, KeysOf(invocation, arguments.jwks_file));
  facts.now = invocation.world().clock.Now();
  RevocationView view(invocation.world().clock);
  const bool ask_server = arguments.jwks_file.empty();
  if (ask_server) {
    TESSERA_RETURN_IF_ERROR(LearnRevocation(invocation, facts, call, view));
    facts.revocations = &view;
  }
  TESSERA_ASSIGN_OR_RETURN(const Explanation explanation, ExplainCall(facts, call));
  Show(invocation, explanation, ask_server);
  return explanation.verdict;
}

}  // namespace

void AddExplainCommand(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App* sub =
      app.add_subcommand("explain", "Say why a guarded service lets a call in or refuses it");
  AddSource(*sub, arguments->source);
  AddAudience(
      *sub, arguments->source,
      "The service's own, needed with --descriptor-set (else tessera's), and of which stored "
      "session if no token is given");
  sub->add_option("--method", arguments->method, "The method called: /pkg.Service/Method")
      ->required();
  sub->add_option("--descriptor-set", arguments->descriptor_set,
                  "The service's descriptors with their rules (protoc --descriptor_set_out)");
  sub->add_option("--issuer", arguments->issuer, "The issuer whose tokens the service takes");
  sub->add_option("--jwks-file", arguments->jwks_file, "Keys from this file; asks no server");
  sub->add_option("--device-id-file", arguments->device_id_file,
                  "Read the device id that the call shows from this file");
  sub->add_option("--certificate", arguments->certificate,
                  "The client certificate (PEM) that the connection shows");
  RunWith(*sub, chosen, arguments, &Explain);
}

}  // namespace tessera::cli
