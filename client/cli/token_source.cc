#include "tessera/cli/token_source.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/prompt.h"
#include "tessera/cli/render.h"

namespace tessera::cli {
namespace {

using tessera::v1::GetJwksRequest;
using tessera::v1::GetJwksResponse;
using tessera::v1::ValidateTokenRequest;
using tessera::v1::ValidateTokenResponse;

absl::StatusOr<std::string> JwksText(Invocation& invocation, const std::string& file) {
  if (file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const GetJwksResponse answer,
                             invocation.CallAuth(&AuthStub::GetJwks, GetJwksRequest()));
    return answer.jwks_json();
  }
  std::ifstream opened(file, std::ios::binary);
  if (!opened) return UsageError("--jwks-file: cannot open " + file);
  return std::string{std::istreambuf_iterator<char>(opened), std::istreambuf_iterator<char>()};
}

}  // namespace

absl::StatusOr<std::optional<Secret>> GivenToken(Invocation& invocation,
                                                 const TokenSource& source) {
  if (!source.dash.empty() && source.dash != "-") {
    return UsageError(
        "a token on the command line can be read by everybody on this machine; "
        "give it on standard input with `-`, or in a file with --file");
  }
  if (!source.dash.empty() && !source.file.empty()) {
    return UsageError("give either `-` or --file, not both");
  }
  const std::string file = source.dash.empty() ? source.file : source.dash;
  if (file.empty()) return std::nullopt;
  TESSERA_ASSIGN_OR_RETURN(Secret token, ReadTokenFile(file, invocation.world().sources));
  return token;
}

absl::StatusOr<Secret> AnyToken(Invocation& invocation, const TokenSource& source) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<Secret> given, GivenToken(invocation, source));
  if (given.has_value()) return *std::move(given);
  return invocation.LiveToken(source.audience);
}

absl::StatusOr<ValidateTokenResponse> Introspect(Invocation& invocation, const Secret& token) {
  ValidateTokenRequest request;
  request.set_token(std::string(token.Reveal()));
  auto answer = invocation.CallAuth(&AuthStub::ValidateToken, request);
  WipeString(*request.mutable_token());
  return answer;
}

absl::Status ShowIntrospection(Invocation& invocation, const ValidateTokenResponse& answer,
                               const std::string& advice) {
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
  } else {
    PrintFields(IntrospectionFields(answer), invocation.world().out);
  }
  if (answer.active()) return absl::OkStatus();
  return Refusal(absl::StatusCode::kUnauthenticated, ReasonName(answer.reason()),
                 "the token is not active" + advice);
}

absl::StatusOr<JwkSet> KeysOf(Invocation& invocation, const std::string& file) {
  TESSERA_ASSIGN_OR_RETURN(const std::string text, JwksText(invocation, file));
  absl::StatusOr<JwkSet> keys = JwkSet::Parse(text);
  if (keys.ok()) return keys;
  if (!file.empty()) return UsageError("--jwks-file: " + file + " is not a JWK set");
  return Refusal(absl::StatusCode::kInternal, local_reason::kUnexpectedAnswer,
                 "the server's keys are not a JWK set");
}

void AddSource(CLI::App& sub, TokenSource& source) {
  sub.add_option("token", source.dash, "`-`: read the token from standard input")->type_name("[-]");
  sub.add_option("--file", source.file, "Read the token from this file");
}

void AddAudience(CLI::App& sub, TokenSource& source, const char* text) {
  sub.add_option("--audience", source.audience, text);
}

}  // namespace tessera::cli
