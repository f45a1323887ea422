// The commands: each function adds its own to the command line and says what the chosen one does.
#ifndef TESSERA_CLI_COMMANDS_H_
#define TESSERA_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tessera/cli/invocation.h"

namespace tessera::cli {

using Command = std::function<absl::Status(Invocation&)>;

// `chosen` is set while the command line is read; it must outlive `app`.
void AddSessionCommands(CLI::App& app, Command& chosen);         // login, logout, whoami
void AddSessionsCommands(CLI::App& app, Command& chosen);        // session ...
void AddTotpCommands(CLI::App& app, Command& chosen);            // totp ...
void AddTokenCommands(CLI::App& app, Command& chosen);           // token ...
void AddExplainCommand(CLI::App& app, Command& chosen);          // explain
void AddUserCommands(CLI::App& app, Command& chosen);            // user ...
void AddUserFileCommands(CLI::App& user, Command& chosen);       // user import, user export
void AddUserPasswordCommands(CLI::App& user, Command& chosen);   // user passwd, reset-password
void AddPasswordCommands(CLI::App& app, Command& chosen);        // password ...
void AddRoleCommands(CLI::App& app, Command& chosen);            // role ...
void AddGroupCommands(CLI::App& app, Command& chosen);           // group ...
void AddKeysCommands(CLI::App& app, Command& chosen);            // keys ..., store ...
void AddServiceAccountCommands(CLI::App& app, Command& chosen);  // service-account ...
void AddAuditCommands(CLI::App& app, Command& chosen);           // audit ...
void AddContextCommands(CLI::App& app, Command& chosen);         // context ...

// `sub`, when chosen, runs `run` with what its options left in `arguments`.
template <typename Arguments>
void RunWith(CLI::App& sub, Command& chosen, const std::shared_ptr<Arguments>& arguments,
             absl::Status (*run)(Invocation&, const Arguments&)) {
  sub.callback([&chosen, arguments, run] {
    chosen = [arguments, run](Invocation& invocation) { return run(invocation, *arguments); };
  });
}

// --password-file, and --password only to refuse it: everybody on the machine sees a command line.
struct PasswordOption {
  std::string file;
  std::vector<std::string> refused;
};
void AddPasswordOption(CLI::App& sub, PasswordOption& option);
// What is asked for where --password-file gives none.
Asked AskedPassword(std::string question);
// INVALID_ARGUMENT USAGE if a password was given on the command line.
absl::Status CheckPasswordOption(const PasswordOption& option);

// Removes the stored tokens of the sessions that `which` names: the server has ended them.
absl::Status ForgetSessions(Invocation& invocation,
                            const std::function<bool(const StoredGrant&)>& which);

// Keeps it for the next login of the user whose session `own` is, or warns that it cannot: such a
// login works as well, unless strangers hammer at the user.
void KeepProof(Invocation& invocation, const StoredGrant& own, const std::string& device_proof);

// Whether `text` has the shape of a user's id rather than a name.
bool IsUserId(const std::string& text);
// Likewise of a service account's.
bool IsServiceId(const std::string& text);
// The id of the user named by id or name; asks the server about a name.
absl::StatusOr<std::string> ResolveUserId(Invocation& invocation, const std::string& user);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_COMMANDS_H_
