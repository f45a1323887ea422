#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/prompt.h"

namespace tessera::cli {
namespace {

constexpr size_t kMaxLineBytes = 4096;
constexpr int kWatched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

// Written by the handler, whichever thread it runs on.
std::atomic<int> signal_pipe{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void NoteSignal(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  if (::write(signal_pipe.load(), &byte, 1) < 0) {
    // A full pipe holds a signal already.
  }
  errno = saved;
}

// While it lives, signals that would end or stop the program are noted instead. Ignored ones stay
// ignored. One at a time.
class SignalWatch {
 public:
  SignalWatch() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
      read_ = Descriptor(ends[0]);
      write_ = Descriptor(ends[1]);
    }
    signal_pipe.store(ends[1]);
    struct sigaction note {};
    note.sa_handler = NoteSignal;
    for (size_t i = 0; i < before_.size(); ++i) {
      ::sigaction(kWatched[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kWatched[i], &note, nullptr);
    }
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch() {
    for (size_t i = 0; i < before_.size(); ++i) ::sigaction(kWatched[i], &before_[i], nullptr);
  }

  int fd() const { return read_.get(); }
  // The signal noted; 0: none.
  int Noted() const {
    char byte = 0;
    return ::read(read_.get(), &byte, 1) == 1 ? byte : 0;
  }

 private:
  Descriptor read_;
  Descriptor write_;
  std::array<struct sigaction, std::size(kWatched)> before_{};
};

// Turns the echo off for a scope.
class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_(fd), known_(::tcgetattr(fd, &before_) == 0) {
    if (!known_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    known_ = ::tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (known_) ::tcsetattr(fd_, TCSADRAIN, &before_);
  }
  bool ok() const { return known_; }

 private:
  int fd_;
  termios before_{};
  bool known_;
};

absl::Status BrokenOff() {
  return Refusal(absl::StatusCode::kCancelled, local_reason::kBrokenOff, "nothing was entered");
}

void Say(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// What waiting for a line ended with: the line, or a signal.
struct Typed {
  int signal = 0;
  Secret line;
};

absl::StatusOr<Typed> ReadLine(int fd, const SignalWatch* watch) {
  std::array<pollfd, 2> ready{pollfd{fd, POLLIN, 0},
                              pollfd{watch == nullptr ? -1 : watch->fd(), POLLIN, 0}};
  while (::poll(ready.data(), ready.size(), -1) < 0 && errno == EINTR) {
  }
  if (watch != nullptr) {
    if (const int number = watch->Noted(); number != 0) return Typed{number, Secret()};
  }
  std::string line(kMaxLineBytes, '\0');
  ssize_t got = 0;
  while ((got = ::read(fd, line.data(), line.size())) < 0 && errno == EINTR) {
  }
  Typed typed;
  const std::string_view bytes(line.data(), got > 0 ? static_cast<size_t>(got) : 0);
  typed.line = Secret::CopyOf(bytes.substr(0, bytes.find('\n')));
  const bool ended = bytes.empty();
  WipeString(line);
  if (ended) return BrokenOff();
  return typed;
}

// One try: the echo and the signals are as they were when it returns.
absl::StatusOr<Typed> AskQuietly(int fd, const std::string& question) {
  const SignalWatch watch;
  const EchoOff quiet(fd);
  if (!quiet.ok()) return UsageError("cannot turn the terminal's echo off");
  Say(fd, question);
  absl::StatusOr<Typed> typed = ReadLine(fd, &watch);
  if (typed.ok() && typed->signal == 0) typed->signal = watch.Noted();
  Say(fd, "\n");
  return typed;
}

}  // namespace

absl::StatusOr<Terminal> Terminal::Open(const std::string& path) {
  Descriptor terminal(::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.ok() || ::isatty(terminal.get()) == 0) {
    return UsageError("there is no terminal to ask on");
  }
  return Terminal(std::move(terminal));
}

absl::StatusOr<std::string> Terminal::AskLine(const std::string& question) {
  Say(terminal_.get(), question);
  TESSERA_ASSIGN_OR_RETURN(const Typed typed, ReadLine(terminal_.get(), nullptr));
  return std::string(typed.line.Reveal());
}

absl::StatusOr<Secret> Terminal::AskSecret(const std::string& question) {
  while (true) {
    TESSERA_ASSIGN_OR_RETURN(Typed typed, AskQuietly(terminal_.get(), question));
    if (typed.signal == 0) return std::move(typed.line);
    // Now with the old handler: it ends the program, or stops it until `fg`.
    ::raise(typed.signal);
    if (typed.signal != SIGTSTP) return BrokenOff();
  }
}

absl::StatusOr<bool> Terminal::Confirm(const std::string& question) {
  TESSERA_ASSIGN_OR_RETURN(std::string answer, AskLine(question + " [y/N] "));
  for (char& c : answer) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return answer == "y" || answer == "yes";
}

}  // namespace tessera::cli
