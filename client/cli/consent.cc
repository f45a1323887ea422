#include "tessera/cli/consent.h"

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {

void AddYesOption(CLI::App& sub, bool& yes) { sub.add_flag("--yes,-y", yes, "Do not ask"); }

absl::StatusOr<Terminal> OpenForConsent(Invocation& invocation, const std::string& act) {
  absl::StatusOr<Terminal> terminal = Terminal::Open(invocation.world().sources.terminal);
  if (terminal.ok()) return terminal;
  return UsageError(act + " cannot be undone: without a terminal to confirm on, give --yes");
}

absl::Status AskConsent(Terminal& terminal, const std::string& question,
                        const std::string& otherwise) {
  TESSERA_ASSIGN_OR_RETURN(const bool agreed, terminal.Confirm(question));
  if (agreed) return absl::OkStatus();
  return Refusal(absl::StatusCode::kCancelled, local_reason::kBrokenOff, otherwise);
}

absl::Status AskToDelete(Invocation& invocation, bool yes, const std::string& thing,
                         const std::string& question) {
  if (yes) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(Terminal terminal, OpenForConsent(invocation, "deleting " + thing));
  return AskConsent(terminal, question, "nothing was deleted");
}

}  // namespace tessera::cli
