// A forked child that a test may kill.
#ifndef TESSERA_TESTS_STORAGE_CHILD_PROCESS_H_
#define TESSERA_TESTS_STORAGE_CHILD_PROCESS_H_

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>

namespace tessera::testing {

// Start it while the test has one thread only.
class ChildProcess {
 public:
  // `body` gets a descriptor that it writes to; the child exits with what it returns.
  explicit ChildProcess(const std::function<int(int out)>& body) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe failed");
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
      close(ends[0]);
      _exit(body(ends[1]));
    }
    close(ends[1]);
    in_ = ends[0];
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (pid_ > 0) Kill();
    close(in_);
  }

  // The next line that the child wrote, without its end; empty at the end.
  std::string ReadLine() const {
    std::string line;
    char c = 0;
    while (read(in_, &c, 1) == 1 && c != '\n') line.push_back(c);
    return line;
  }
  void Kill() {
    kill(pid_, SIGKILL);
    Wait();
  }
  // The exit code, or -1 if a signal ended it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_STORAGE_CHILD_PROCESS_H_
