// Starts and stops the server that all tests of one run of ctest share:
//   mariadb_fixture start STATE_FOLDER     returns when it takes connections
//   mariadb_fixture stop STATE_FOLDER      returns when it is gone, with its data
// In between a keeper runs it, a process of its own that also ends it when whoever ran `start`
// (ctest) is gone without a `stop`.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/time/clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/mariadb.h"
#include "tests/mariadb/shared_server.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(100);
constexpr absl::Duration kStopLimit = absl::Seconds(60);
constexpr absl::Duration kLook = absl::Milliseconds(10);

int stop_asked[2];

void AskToStop(int) {
  if (write(stop_asked[1], "", 1) < 0) _exit(1);
}

// The process that a keeper of this state folder watches; nothing if `pid` is no such keeper.
std::optional<pid_t> WatchedBy(pid_t pid, const std::string& state) {
  const std::string line = ReadFile("/proc/" + std::to_string(pid) + "/cmdline");
  const std::string middle = std::string("\0keep\0", 6) + state + '\0';
  const size_t at = line.find(middle);
  if (at == std::string::npos) return std::nullopt;
  return std::atoi(line.c_str() + at + middle.size());
}

bool IsGoneWithin(pid_t keeper, const std::string& state, absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  while (WatchedBy(keeper, state)) {
    if (absl::Now() > until) return false;
    absl::SleepFor(kLook);
  }
  return true;
}

// A keeper that was killed took its server along, but not the data.
void RemoveData(const std::string& folder) {
  std::error_code ignored;
  if (std::filesystem::path(folder).filename().string().rfind("tessera-", 0) != 0) return;
  if (!std::filesystem::exists(folder + "/data/ibdata1", ignored)) return;
  std::filesystem::remove_all(folder, ignored);
}

std::optional<SharedServer> WrittenDown(const std::string& state) {
  if (!std::filesystem::exists(SharedServerFile(state))) return std::nullopt;
  return ReadSharedServer(state);
}

int Stop(const std::string& state) {
  const std::optional<SharedServer> server = WrittenDown(state);
  if (!server) return 0;
  if (WatchedBy(server->keeper, state)) {
    kill(server->keeper, SIGTERM);
    if (!IsGoneWithin(server->keeper, state, kStopLimit)) kill(server->keeper, SIGKILL);
    if (!IsGoneWithin(server->keeper, state, kStopLimit)) return 1;
  }
  RemoveData(server->folder);
  std::filesystem::remove(SharedServerFile(state));
  return 0;
}

[[noreturn]] void BecomeKeeper(const std::string& state, pid_t watched) {
  setsid();
  const std::string log = state + "/log";
  const int in = open("/dev/null", O_RDONLY),
            out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execl("/proc/self/exe", "mariadb_fixture", "keep", state.c_str(), std::to_string(watched).c_str(),
        nullptr);
  _exit(127);
}

int Start(const std::string& state) {
  std::filesystem::create_directories(state);
  const std::optional<SharedServer> before = WrittenDown(state);
  const std::optional<pid_t> user = before ? WatchedBy(before->keeper, state) : std::nullopt;
  if (user && *user != getppid()) {
    std::cerr << "process " << *user << " runs tests with the server of " << state << "\n";
    return 1;
  }
  if (Stop(state) != 0) return 1;
  const pid_t ctest = getppid();
  const pid_t keeper = fork();
  if (keeper == 0) BecomeKeeper(state, ctest);
  const absl::Time until = absl::Now() + kStartLimit;
  while (!WrittenDown(state)) {
    if (waitpid(keeper, nullptr, WNOHANG) != 0 || absl::Now() > until) {
      kill(keeper, SIGKILL);
      std::cerr << ReadFile(state + "/log");
      return 1;
    }
    absl::SleepFor(kLook);
  }
  return 0;
}

int Keep(const std::string& state, pid_t watched) {
  // By number: glibc 2.36 declares pidfd_open for C alone.
  const int gone = static_cast<int>(syscall(SYS_pidfd_open, watched, 0));
  if (gone < 0 || pipe2(stop_asked, O_CLOEXEC) != 0) return 1;
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, AskToStop);
  MariaDb server;
  WriteSharedServer(state, {server.folder(), server.port(), getpid()});
  std::vector<pollfd> events{{gone, POLLIN, 0}, {stop_asked[0], POLLIN, 0}};
  while (poll(events.data(), events.size(), -1) < 0) {
  }
  std::filesystem::remove(SharedServerFile(state));
  return 0;
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "start") return Start(arguments[1]);
  if (arguments.size() == 2 && arguments[0] == "stop") return Stop(arguments[1]);
  if (arguments.size() == 3 && arguments[0] == "keep") {
    return Keep(arguments[1], std::atoi(arguments[2].c_str()));
  }
  std::cerr << "mariadb_fixture start|stop STATE_FOLDER\n";
  return 2;
}

}  // namespace
}  // namespace tessera::testing

int main(int argc, char** argv) {
  try {
    return tessera::testing::Run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
