// A terminal whose other end the test holds.
#ifndef TESSERA_TESTS_CLI_PSEUDO_TERMINAL_H_
#define TESSERA_TESTS_CLI_PSEUDO_TERMINAL_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string>

#include "tessera/cli/private_folder.h"

namespace tessera::testing {

// Not thread-safe; one thread types while another runs the program.
class PseudoTerminal {
 public:
  PseudoTerminal() : ours_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    std::array<char, 128> name{};
    const bool made = ::grantpt(ours_.get()) == 0 && ::unlockpt(ours_.get()) == 0 &&
                      ::ptsname_r(ours_.get(), name.data(), name.size()) == 0;
    EXPECT_TRUE(made);
    path_ = name.data();
    // Held open, so that the settings outlive the program.
    theirs_ = cli::Descriptor(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }

  const std::string& path() const { return path_; }

  bool Echoes() const {
    termios settings{};
    EXPECT_EQ(::tcgetattr(theirs_.get(), &settings), 0);
    return (settings.c_lflag & ECHO) != 0;
  }

  // Waits until the program has written `text` after what was waited for before.
  bool WaitFor(const std::string& text) {
    for (size_t at = seen_.find(text, from_);; at = seen_.find(text, from_)) {
      if (at != std::string::npos) {
        from_ = at + text.size();
        return true;
      }
      pollfd ready{ours_.get(), POLLIN, 0};
      std::array<char, 256> bytes{};
      if (::poll(&ready, 1, kPatienceMilliseconds) <= 0) return false;
      const ssize_t got = ::read(ours_.get(), bytes.data(), bytes.size());
      if (got <= 0) return false;
      seen_.append(bytes.data(), static_cast<size_t>(got));
    }
  }

  void Type(const std::string& text) const {
    EXPECT_EQ(::write(ours_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  const std::string& seen() const { return seen_; }

 private:
  static constexpr int kPatienceMilliseconds = 20'000;
  cli::Descriptor ours_;
  cli::Descriptor theirs_;
  std::string path_;
  std::string seen_;
  size_t from_ = 0;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_CLI_PSEUDO_TERMINAL_H_
