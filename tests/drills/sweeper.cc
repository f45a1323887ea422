#include "tests/drills/sweeper.h"

#include <unistd.h>

#include <stdexcept>

#include "tests/base/program.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(30);

}  // namespace

// It leaves the process group, and with it the reach of ~Program; and it lets go of our pipe.
void WhenThisProcessIsGone(const std::string& command, const std::string& path) {
  const std::string script =
      "exec >/dev/null 2>&1; tail --pid=$0 -f /dev/null; { " + command + "; }";
  const auto program =
      Program::Start({"setsid", "-f", "sh", "-c", script, std::to_string(getpid()), path});
  if (program == nullptr || program->Wait(kStartLimit) != 0) {
    throw std::runtime_error("cannot start setsid");
  }
}

}  // namespace tessera::testing
