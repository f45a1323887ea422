// token print, inspect, verify, validate, revoke.
#include <optional>
#include <ostream>

#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/render.h"
#include "tessera/cli/token_source.h"
#include "tessera/token/claims.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/token_verifier.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only
using nlohmann::ordered_json;

struct VerifyArguments {
  TokenSource source;
  std::string issuer;
  std::string jwks_file;
};

absl::Status Print(Invocation& invocation, const TokenSource& source) {
  TESSERA_ASSIGN_OR_RETURN(const Secret token, invocation.LiveToken(source.audience));
  if (invocation.json()) {
    invocation.PrintJson({{"access_token", token.Reveal()}});
  } else {
    invocation.world().out << token.Reveal() << '\n';
  }
  return absl::OkStatus();
}

// A value as one line: text bare, the rest as JSON; times of the well-known claims readable.
std::string ShowClaim(const std::string& name, const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  const bool is_time = name == "exp" || name == "iat" || name == "nbf" || name == "auth_time";
  if (is_time && value.is_number_integer()) {
    return FormatUtc(absl::FromUnixSeconds(value.get<int64_t>())) + " (" + value.dump() + ")";
  }
  return value.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

void AppendMembers(const std::string& prefix, const ordered_json& object, Fields& fields) {
  for (const auto& [name, value] : object.items()) {
    fields.emplace_back(EscapeForTerminal(prefix + name), ShowClaim(name, value));
  }
}

absl::StatusOr<Secret> StoredToken(Invocation& invocation, const std::string& audience) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<StoredGrant> grant,
                           invocation.credentials().Load(audience));
  if (grant.has_value()) return std::move(grant->access_token);
  return NotLoggedIn(invocation.credentials(), audience, invocation.settings().context.server);
}

absl::Status Inspect(Invocation& invocation, const TokenSource& source) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<Secret> token, GivenToken(invocation, source));
  if (!token.has_value()) {
    TESSERA_ASSIGN_OR_RETURN(token, StoredToken(invocation, source.audience));
  }
  TESSERA_ASSIGN_OR_RETURN(const UnverifiedToken shown, InspectWithoutVerifying(token->Reveal()));
  const auto header = ordered_json::parse(shown.header_json, nullptr, false);
  const auto payload = ordered_json::parse(shown.payload_json, nullptr, false);
  if (!header.is_object() || !payload.is_object()) {
    return Refusal(absl::StatusCode::kUnauthenticated, tessera::reason::kTokenMalformed,
                   "header or payload is not a JSON object");
  }
  if (invocation.json()) {
    invocation.PrintJson({{"verified", false}, {"header", header}, {"payload", payload}});
    return absl::OkStatus();
  }
  Fields fields = {{"verified", "no: this is only what the token says of itself"}};
  AppendMembers("header.", header, fields);
  AppendMembers("", payload, fields);
  PrintFields(fields, invocation.world().out);
  return absl::OkStatus();
}

absl::StatusOr<TokenVerifier> Verifier(Invocation& invocation, const VerifyArguments& arguments) {
  Expected expected;
  // The issuer that a login brought belongs to that login's server, not to a file of keys.
  expected.issuer = arguments.issuer;
  if (expected.issuer.empty() && arguments.jwks_file.empty()) {
    expected.issuer = invocation.settings().context.issuer;
  }
  if (expected.issuer.empty()) {
    return UsageError(
        "whose tokens are good? give --issuer (after a login the issuer of its "
        "tokens is the default)");
  }
  if (!arguments.source.audience.empty()) expected.audience = arguments.source.audience;
  return TokenVerifier::Create(std::move(expected));
}

absl::Status Verify(Invocation& invocation, const VerifyArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const TokenVerifier verifier, Verifier(invocation, arguments));
  TESSERA_ASSIGN_OR_RETURN(const Secret token, AnyToken(invocation, arguments.source));
  TESSERA_ASSIGN_OR_RETURN(const JwkSet keys, KeysOf(invocation, arguments.jwks_file));
  TESSERA_ASSIGN_OR_RETURN(const VerifiedToken verified,
                           verifier.Verify(token.Reveal(), keys, invocation.world().clock.Now()));
  if (invocation.json()) {
    invocation.PrintJson({{"verified", true},
                          {"revocation_checked", false},
                          {"kid", verified.kid()},
                          {"claims", ClaimsJson(verified.claims())}});
    return absl::OkStatus();
  }
  Fields fields = {{"verified", "yes (revocation is not checked: see token validate)"},
                   {"kid", verified.kid()}};
  for (auto& field : ClaimFields(verified.claims())) fields.push_back(std::move(field));
  PrintFields(fields, invocation.world().out);
  return absl::OkStatus();
}

absl::Status Validate(Invocation& invocation, const TokenSource& source) {
  TESSERA_ASSIGN_OR_RETURN(const Secret token, AnyToken(invocation, source));
  TESSERA_ASSIGN_OR_RETURN(const ValidateTokenResponse answer, Introspect(invocation, token));
  return ShowIntrospection(invocation, answer);
}

absl::Status Revoke(Invocation& invocation, const TokenSource& source) {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Secret> token, GivenToken(invocation, source));
  if (!token.has_value()) {
    return UsageError(
        "which token? `-` reads it from standard input, --file from a file; "
        "`tessera logout` ends your own session");
  }
  RevokeTokenRequest request;
  request.set_token(std::string(token->Reveal()));
  const auto answer = invocation.CallAuth(&AuthStub::RevokeToken, request);
  WipeString(*request.mutable_token());
  TESSERA_RETURN_IF_ERROR(answer.status());
  if (invocation.json()) invocation.PrintJson(ToJson(*answer));
  invocation.PrintLine("Revoked, if it was one of the server's.");
  return absl::OkStatus();
}

void AddReading(CLI::App& token, Command& chosen, const char* name, const char* text,
                absl::Status (*run)(Invocation&, const TokenSource&)) {
  auto source = std::make_shared<TokenSource>();
  CLI::App* sub = token.add_subcommand(name, text);
  AddSource(*sub, *source);
  AddAudience(*sub, *source, "Of which stored session, if no token is given");
  RunWith(*sub, chosen, source, run);
}

}  // namespace

void AddTokenCommands(CLI::App& app, Command& chosen) {
  CLI::App* token = app.add_subcommand("token", "Print, inspect, check and revoke tokens");
  token->require_subcommand(1);

  auto printed = std::make_shared<TokenSource>();
  CLI::App* sub =
      token->add_subcommand("print", "Print a live access token, for grpcurl and the like");
  sub->alias("access");
  AddAudience(*sub, *printed, "Of which stored session (default: tessera itself)");
  RunWith(*sub, chosen, printed, &Print);

  AddReading(*token, chosen, "inspect", "Show what a token says, without checking it", &Inspect);
  AddReading(*token, chosen, "validate", "Ask the server whether an access token is alive",
             &Validate);

  auto verify = std::make_shared<VerifyArguments>();
  sub = token->add_subcommand("verify", "Check a token's signature, issuer, audience and times");
  AddSource(*sub, verify->source);
  AddAudience(*sub, verify->source,
              "The audience that the token must have, and of which stored session if no token is "
              "given");
  sub->add_option("--issuer", verify->issuer, "The issuer that the token must have");
  sub->add_option("--jwks-file", verify->jwks_file, "Keys from this file, not from the server");
  RunWith(*sub, chosen, verify, &Verify);

  auto revoke = std::make_shared<TokenSource>();
  sub = token->add_subcommand("revoke",
                              "Revoke an access token, or with a refresh token its whole session");
  AddSource(*sub, *revoke);
  RunWith(*sub, chosen, revoke, &Revoke);
}

}  // namespace tessera::cli
