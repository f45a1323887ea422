// The `tessera` program, callable from tests.
#ifndef TESSERA_CLI_CLI_H_
#define TESSERA_CLI_CLI_H_

#include <string>
#include <vector>

#include "tessera/cli/exit_code.h"
#include "tessera/cli/invocation.h"

namespace tessera::cli {

// Runs one command. `arguments` are those of main without the program's name. What the command
// shows goes to `world.out`, errors and warnings to `world.err`.
ExitCode RunCli(World& world, std::vector<std::string> arguments);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_CLI_H_
