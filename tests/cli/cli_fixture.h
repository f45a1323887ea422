// Runs the program inside the test, against a FakeTesserad, in a home of its own.
#ifndef TESSERA_TESTS_CLI_CLI_FIXTURE_H_
#define TESSERA_TESTS_CLI_CLI_FIXTURE_H_

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tessera/cli/cli.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

struct Ran {
  cli::ExitCode code;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    environment_["TESSERACTL_CONFIG_DIR"] = home_.Path("config");
    password_file_ = home_.Write("password", std::string(kPassword) + "\n");
  }

  // No terminal unless the test sets one; standard input holds `input`.
  Ran Run(std::vector<std::string> arguments, const std::string& input = "") {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const cli::Descriptor in(ends[0]);
    EXPECT_EQ(::write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(ends[1]);
    std::ostringstream out;
    std::ostringstream err;
    const auto look_up = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      if (found == environment_.end()) return std::nullopt;
      return found->second;
    };
    cli::World world{out, err, {terminal_, in.get()}, look_up, clock_};
    const cli::ExitCode code = cli::RunCli(world, std::move(arguments));
    return {code, out.str(), err.str()};
  }

  Ran Login(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"login",           "--username",      "alice",
                                          "--server",        server_.address(), "--plaintext",
                                          "--password-file", password_file_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }

  cli::CredentialStore Credentials() const {
    return cli::CredentialStore(home_.Path("config"), cli::kDefaultContext);
  }

  FakeClock clock_{absl::FromUnixSeconds(1'900'000'000)};
  FakeTesserad server_{clock_};
  TemporaryFolder home_;
  std::map<std::string, std::string> environment_;
  std::string terminal_ = "/nonexistent";
  std::string password_file_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_CLI_CLI_FIXTURE_H_
