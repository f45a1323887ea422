#include "tests/base/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <optional>

#include "absl/time/clock.h"

namespace tessera::testing {
namespace {

// For output that a grandchild holds open.
constexpr absl::Duration kPatienceForOutput = absl::Seconds(2);
constexpr absl::Duration kPatienceForPrograms = absl::Minutes(2);

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
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

// What runs between fork and exec: nothing but system calls.
[[noreturn]] void Become(const std::vector<char*>& arguments, const std::vector<char*>& variables,
                         int output, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvpe(arguments[0], arguments.data(), variables.data());
  _exit(127);
}

// The kernel counts the end of the *thread* that forked as the end of the parent. So one thread,
// which ends with the process, forks for all.
class ForkingThread {
 public:
  static ForkingThread& Get() {
    static ForkingThread& only = *new ForkingThread;
    return only;
  }

  // What `fork_and_exec` returned.
  pid_t Run(const std::function<pid_t()>& fork_and_exec) {
    Job job{fork_and_exec, std::nullopt};
    MutexLock lock(mu_);
    jobs_.push_back(&job);
    changed_.NotifyAll();
    while (!job.pid) changed_.Wait(mu_);
    return *job.pid;
  }

 private:
  struct Job {
    const std::function<pid_t()>& run;
    std::optional<pid_t> pid;
  };

  ForkingThread() {
    std::thread([this] { Serve(); }).detach();
  }

  [[noreturn]] void Serve() {
    MutexLock lock(mu_);
    while (true) {
      while (jobs_.empty()) changed_.Wait(mu_);
      jobs_.front()->pid = jobs_.front()->run();
      jobs_.pop_front();
      changed_.NotifyAll();
    }
  }

  Mutex mu_;
  CondVar changed_;
  std::deque<Job*> jobs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<Program> Program::Start(const std::vector<std::string>& argv,
                                        const std::vector<std::string>& environment) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return nullptr;
  const std::vector<std::string> full_environment = WithInherited(environment);
  const std::vector<char*> arguments = Pointers(argv);
  const std::vector<char*> variables = Pointers(full_environment);
  const pid_t parent = getpid();
  const pid_t pid = ForkingThread::Get().Run([&] {
    const pid_t child = fork();
    if (child == 0) Become(arguments, variables, ends[1], parent);
    return child;
  });
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

void Program::Pause() const {
  Signal(SIGSTOP);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT);
}

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
  AwaitEndOfOutput();
  return exit_status_;
}

// What it started may hold its output open.
void Program::AwaitEndOfOutput() {
  MutexLock lock(mu_);
  bool in_time = true;
  while (!ended_ && in_time) in_time = changed_.WaitFor(mu_, kPatienceForOutput);
}

Program::Ran Program::Run(const std::vector<std::string>& argv,
                          const std::vector<std::string>& environment) {
  const auto program = Start(argv, environment);
  if (program == nullptr) return {};
  const int code = program->Wait(kPatienceForPrograms);
  return {code, program->Output()};
}

}  // namespace tessera::testing
