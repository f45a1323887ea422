// A child process of a test: started, watched, and ended with it.
#ifndef TESSERA_TESTS_BASE_PROGRAM_H_
#define TESSERA_TESTS_BASE_PROGRAM_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe for reading. Leads a process group of its own, so that signals reach what it started
// too. The destructor ends the group with SIGKILL if the process still runs. When the test itself
// is killed, so is the process (not what it started, and not if it changes its user).
class Program {
 public:
  // Runs argv[0] with `environment` ("NAME=value") and nothing else inherited but PATH. Null if it
  // cannot be started.
  static std::unique_ptr<Program> Start(const std::vector<std::string>& argv,
                                        const std::vector<std::string>& environment = {});
  struct Ran {
    int code = -1;  // as Wait has it
    std::string output;
  };
  // Likewise, until it ends.
  static Ran Run(const std::vector<std::string>& argv,
                 const std::vector<std::string>& environment = {});
  ~Program();

  // The first line of standard output or error that contains `text`; empty if `limit` of real time
  // passes or the process ends without one.
  std::string WaitForLine(const std::string& text, absl::Duration limit);
  // Everything printed so far.
  std::string Output() const;

  void Signal(int signal) const;
  // SIGSTOP; returns when every thread of the process stands still (or it has ended).
  void Pause() const;
  // The exit status as a shell would show it (128 + signal); -1 if it did not end within `limit`.
  // From then on Output has all that it printed.
  int Wait(absl::Duration limit);
  pid_t pid() const { return pid_; }

 private:
  Program(pid_t pid, int output);
  void ReadOutput();
  void AwaitEndOfOutput();

  const pid_t pid_;
  const int output_;
  mutable Mutex mu_;
  CondVar changed_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  int exit_status_ = -1;
  bool reaped_ = false;
  std::thread reader_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_PROGRAM_H_
