// Which token a command is about, and which keys check it.
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

// From `file`, or if that is empty from the server.
absl::StatusOr<JwkSet> KeysOf(Invocation& invocation, const std::string& file);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_TOKEN_SOURCE_H_
