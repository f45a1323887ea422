// Asks people before what cannot be undone. Where nobody can be asked, `--yes` has to say so.
#ifndef TESSERA_CLI_CONSENT_H_
#define TESSERA_CLI_CONSENT_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/cli/invocation.h"
#include "tessera/cli/prompt.h"

namespace tessera::cli {

void AddYesOption(CLI::App& sub, bool& yes);

// INVALID_ARGUMENT USAGE: there is no terminal to ask on; `act` is what cannot be undone.
absl::StatusOr<Terminal> OpenForConsent(Invocation& invocation, const std::string& act);
// OK if the person at the terminal agrees. CANCELLED BROKEN_OFF, with `otherwise`.
absl::Status AskConsent(Terminal& terminal, const std::string& question,
                        const std::string& otherwise);

// Both, before a deletion; `thing` is `a role`, say. OK with `yes`.
absl::Status AskToDelete(Invocation& invocation, bool yes, const std::string& thing,
                         const std::string& question);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_CONSENT_H_
