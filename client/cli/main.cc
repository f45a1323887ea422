// tessera: the command line.
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tessera/base/clock.h"
#include "tessera/cli/cli.h"

namespace {

std::optional<std::string> Variable(const std::string& name) {
  const char* value = ::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets any
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

}  // namespace

int main(int argc, char** argv) {
  // Passwords and tokens must not end up in a core file.
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // Errors are this program's to print, not gRPC's; GRPC_VERBOSITY still brings its log back.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);  // NOLINT(concurrency-mt-unsafe): before any thread
  try {
    const tessera::cli::Sources usual;
    tessera::cli::World world{std::cout,
                              std::cerr,
                              usual,
                              Variable,
                              tessera::SystemClock(),
                              ::isatty(STDERR_FILENO) == 1};
    return static_cast<int>(
        tessera::cli::RunCli(world, std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const std::exception&) {
    // Not what(): it may quote what was being worked on.
    std::cerr << "tessera: INTERNAL: unexpected failure\n";
    return static_cast<int>(tessera::cli::ExitCode::kInternal);
  }
}
