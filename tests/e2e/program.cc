#include "tests/e2e/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"

namespace tessera::testing {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> WithInherited(std::vector<std::string> environment) {
  for (const char* name :
       {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name))
      environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

}  // namespace

std::unique_ptr<Program> Program::Start(const std::vector<std::string>& argv,
                                        const std::vector<std::string>& environment) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return nullptr;
  const std::vector<std::string> full_environment = WithInherited(environment);
  const std::vector<char*> arguments = Pointers(argv);
  const std::vector<char*> variables = Pointers(full_environment);
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    execvpe(arguments[0], arguments.data(), variables.data());
    _exit(127);
  }
  close(ends[1]);
  if (pid > 0) setpgid(pid, pid);  // here too: whoever of the two comes first
  if (pid < 0) {
    close(ends[0]);
    return nullptr;
  }
  return std::unique_ptr<Program>(new Program(pid, ends[0]));
}

Program::Program(pid_t pid, int output) : pid_(pid), output_(output) {
  reader_ = std::thread([this] { ReadOutput(); });
}

Program::~Program() {
  if (!reaped_) {
    Signal(SIGKILL);
    Wait(absl::Seconds(10));
  }
  reader_.join();
  close(output_);
}

void Program::ReadOutput() {
  std::string partial;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(output_, buffer, sizeof(buffer))) > 0) {
    partial.append(buffer, static_cast<size_t>(got));
    MutexLock lock(mu_);
    for (size_t end = partial.find('\n'); end != std::string::npos; end = partial.find('\n')) {
      lines_.push_back(partial.substr(0, end));
      partial.erase(0, end + 1);
    }
    changed_.NotifyAll();
  }
  MutexLock lock(mu_);
  if (!partial.empty()) lines_.push_back(partial);
  ended_ = true;
  changed_.NotifyAll();
}

std::string Program::WaitForLine(const std::string& text, absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  size_t seen = 0;
  MutexLock lock(mu_);
  while (true) {
    for (; seen < lines_.size(); ++seen) {
      if (lines_[seen].find(text) != std::string::npos) return lines_[seen];
    }
    if (ended_ || absl::Now() >= until) return "";
    changed_.WaitFor(mu_, until - absl::Now());
  }
}

std::string Program::Output() const {
  MutexLock lock(mu_);
  std::string all;
  for (const std::string& line : lines_) all += line + "\n";
  return all;
}

void Program::Signal(int signal) const { kill(-pid_, signal); }

int Program::Wait(absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  while (!reaped_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      reaped_ = true;
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (absl::Now() >= until) {
      return -1;
    } else {
      usleep(5000);
    }
  }
  return exit_status_;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tessera-e2e-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& content, mode_t mode) {
  std::ofstream(path, std::ios::binary) << content;
  chmod(path.c_str(), mode);
}

std::string ReadFile(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

}  // namespace tessera::testing
