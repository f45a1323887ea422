// The program itself, as processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "tessera/cli/credential_store.h"
#include "tessera/cli/token_keeper.h"
#include "tests/base/temporary_folder.h"
#include "tests/cli/fake_tesserad.h"
#include "tests/cli/pseudo_terminal.h"

namespace tessera::cli {
namespace {

using tessera::testing::FakeTesserad;
using tessera::testing::PseudoTerminal;
using tessera::testing::TemporaryFolder;
using ::testing::HasSubstr;

// One run of the program.
class Process {
 public:
  // Where its standard output goes.
  enum class Out { kPipe, kTerminal };

  // With `tty` it leads a session of its own on that terminal.
  Process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
          const std::string& tty = "", Out out = Out::kPipe) {
    std::vector<char*> argv = {program_.data()};
    std::vector<std::string> words = arguments;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables = environment;
    // A sanitizer's reports from the program count as the test's own.
    for (const std::string name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
      if (const char* value = std::getenv(name.c_str())) variables.push_back(name + "=" + value);
    }
    std::vector<char*> envp;
    for (std::string& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      Become(argv.data(), envp.data(), out == Out::kPipe ? ends[1] : STDIN_FILENO, tty.c_str());
    }
    ::close(ends[1]);
    out_ = Descriptor(ends[0]);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), Wait();
  }

  pid_t pid() const { return pid_; }

  // What was printed into the pipe until the end.
  std::string Output() const {
    std::string text;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(out_.get(), bytes.data(), bytes.size())) > 0;) {
      text.append(bytes.data(), static_cast<size_t>(got));
    }
    return text;
  }

  // The status of waitpid.
  int Wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return status;
  }

 private:
  // In the child, only what is safe between fork and exec.
  [[noreturn]] static void Become(char** argv, char** envp, int out, const char* tty) {
    ::setsid();
    if (*tty != '\0') {
      const int terminal = ::open(tty, O_RDWR);
      ::ioctl(terminal, TIOCSCTTY, 0);
      ::dup2(terminal, 0);
    }
    ::dup2(out, 1);
    ::execve(argv[0], argv, envp);
    ::_exit(127);
  }

  std::string program_ = TESSERA_CLI_PROGRAM;
  pid_t pid_ = -1;
  Descriptor out_;
};

class ProgramTest : public ::testing::Test {
 protected:
  std::vector<std::string> Variables() const {
    return {"TESSERACTL_CONFIG_DIR=" + home_.Path("config"),
            "TESSERACTL_SERVER=" + server_.address()};
  }

  // A session whose access token is about to die.
  void StoreAgeingSession() {
    tessera::v1::TokenGrant answer = server_.OpenSession("alice", "");
    StoredGrant grant;
    grant.server = server_.address();
    grant.username = "alice";
    const absl::Time now = SystemClock().Now();
    ASSERT_TRUE(TakeTokens(answer, now - absl::Minutes(15), grant).ok());
    grant.access_expires_at = now + absl::Seconds(5);
    const auto held = CredentialStore(home_.Path("config"), "default").Hold("", absl::Seconds(5));
    ASSERT_TRUE(held.ok() && held->Save(grant).ok());
  }

  FakeTesserad server_{SystemClock()};
  TemporaryFolder home_;
};

TEST_F(ProgramTest, ManyProcessesAtOnceMakeOneRenewal) {
  StoreAgeingSession();
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 8; ++i) {
    const std::vector<std::string> command = {"token", "print", "--plaintext", "--timeout", "60s"};
    processes.push_back(std::make_unique<Process>(command, Variables()));
  }
  std::set<std::string> printed;
  for (const auto& process : processes) {
    printed.insert(process->Output());
    EXPECT_EQ(process->Wait(), 0);
  }
  EXPECT_EQ(printed.size(), 1U);
  EXPECT_EQ(server_.counts().renew_calls, 1);
  EXPECT_EQ(server_.counts().reuses, 0);
}

TEST_F(ProgramTest, ASignalDuringARenewalWaitsUntilTheSuccessorIsStored) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    StoreAgeingSession();
    std::promise<pid_t> pid;
    server_.AfterRenewals(
        [number, known = pid.get_future().share()] { ::kill(known.get(), number); });
    Process process({"token", "print", "--plaintext", "--timeout", "60s"}, Variables());
    pid.set_value(process.pid());
    const int status = process.Wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number);
    EXPECT_EQ(process.Output(), "");
    const auto stored = CredentialStore(home_.Path("config"), "default").Load("");
    ASSERT_TRUE(stored.ok() && stored->has_value());
    EXPECT_THAT(std::string((*stored)->refresh_token.Reveal()), ::testing::EndsWith(".1"));
  }
}

TEST_F(ProgramTest, WhatEndsThePromptLeavesTheEchoOn) {
  PseudoTerminal tty;
  Process process({"login", "-u", "alice", "--plaintext"}, Variables(), tty.path());
  ASSERT_TRUE(tty.WaitFor("Password: "));
  EXPECT_FALSE(tty.Echoes());
  tty.Type("half a passw\x03");
  const int status = process.Wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  EXPECT_TRUE(tty.Echoes());
}

TEST_F(ProgramTest, AnEndFromOutsideLeavesTheEchoOnToo) {
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT}) {
    PseudoTerminal tty;
    Process process({"login", "-u", "alice", "--plaintext"}, Variables(), tty.path());
    ASSERT_TRUE(tty.WaitFor("Password: "));
    ::kill(process.pid(), number);
    EXPECT_EQ(WTERMSIG(process.Wait()), number);
    EXPECT_TRUE(tty.Echoes());
  }
}

TEST_F(ProgramTest, AStoppedPromptAsksAgainWhenItGoesOn) {
  PseudoTerminal tty;
  Process process({"login", "-u", "alice", "--plaintext"}, Variables(), tty.path());
  ASSERT_TRUE(tty.WaitFor("Password: "));
  // A session leader without a shell above it is an orphan: SIGTSTP does not stop it, but the
  // program goes the same way, giving the terminal back and asking anew.
  ::kill(process.pid(), SIGTSTP);
  ASSERT_TRUE(tty.WaitFor("Password: "));
  tty.Type(std::string(tessera::testing::kPassword) + "\n");
  EXPECT_THAT(process.Output(), HasSubstr("Logged in"));
  EXPECT_EQ(process.Wait(), 0);
}

// U+009B begins a terminal's commands, as ESC [ does.
TEST_F(ProgramTest, AnExportedNameCannotSteerTheTerminal) {
  StoreAgeingSession();
  server_.NameEverybody("\u009b2Jroot\u202e \\");
  for (const char* format : {"csv", "jsonl"}) {
    PseudoTerminal tty;
    Process process({"user", "export", "--format", format, "--plaintext"}, Variables(), tty.path(),
                    Process::Out::kTerminal);
    ASSERT_TRUE(tty.WaitFor("9b")) << format;
    ASSERT_TRUE(tty.WaitFor("active")) << format;
    EXPECT_EQ(process.Wait(), 0);
    EXPECT_THAT(tty.seen(), HasSubstr("2Jroot"));
    EXPECT_THAT(tty.seen(), ::testing::Not(HasSubstr("\u009b"))) << format;
    EXPECT_THAT(tty.seen(), ::testing::Not(HasSubstr("\u202e"))) << format;
  }
  // What is sent on is the name itself.
  Process piped({"user", "export", "--format", "csv", "--plaintext"}, Variables());
  EXPECT_THAT(piped.Output(), HasSubstr(",\u009b2Jroot\u202e \\,active\r\n"));
  EXPECT_EQ(piped.Wait(), 0);
}

TEST_F(ProgramTest, ExitCodesReachTheShell) {
  EXPECT_EQ(WEXITSTATUS(Process({"whoami", "--plaintext"}, Variables()).Wait()), 3);
  EXPECT_EQ(WEXITSTATUS(Process({"nonsense"}, Variables()).Wait()), 2);
  EXPECT_EQ(WEXITSTATUS(Process({"--version"}, Variables()).Wait()), 0);
}

}  // namespace
}  // namespace tessera::cli
