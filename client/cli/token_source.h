// Which token a command is about, what the server says of it, and which keys check it.
#ifndef TESSERA_CLI_TOKEN_SOURCE_H_
#define TESSERA_CLI_TOKEN_SOURCE_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/cli/invocation.h"
#include "tessera/token/jwk_set.h"

namespace tessera::cli {

struct TokenSource {
  std::string dash;      // `-` or nothing: a token itself is refused
  std::string file;      // --file
  std::string audience;  // --audience
};

// `-` and --file.
void AddSource(CLI::App& sub, TokenSource& source);
// --audience, with this help.
void AddAudience(CLI::App& sub, TokenSource& source, const char* text);

// Absent: the command is about the stored one.
absl::StatusOr<std::optional<Secret>> GivenToken(Invocation& invocation, const TokenSource& source);
// The token given, else the stored one, renewed if need be.
absl::StatusOr<Secret> AnyToken(Invocation& invocation, const TokenSource& source);

// What the server says of `token`.
absl::StatusOr<tessera::v1::ValidateTokenResponse> Introspect(Invocation& invocation,
                                                              const Secret& token);
// Prints it. UNAUTHENTICATED with the server's reason if the token is not active; `advice` says
// what to do then.
absl::Status ShowIntrospection(Invocation& invocation,
                               const tessera::v1::ValidateTokenResponse& answer,
                               const std::string& advice = "");

// From `file`, or if that is empty from the server.
absl::StatusOr<JwkSet> KeysOf(Invocation& invocation, const std::string& file);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_TOKEN_SOURCE_H_
