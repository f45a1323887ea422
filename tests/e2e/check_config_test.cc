// What an operator is told of a configuration before a server is started with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CheckConfig : public ::testing::Test {
 protected:
  // Of the least configuration and these lines.
  Program::Ran Check(const std::string& lines) const {
    const std::string file = folder_.Write("tessera.toml",
                                           "[server]\nplaintext = true\n[keys]\nmaster_key_file = "
                                           "\"/m\"\n[tokens]\nissuer = \"me\"\n" +
                                               lines + "\n");
    return Program::Run({TESSERAD_WITH_CLOCK, "--config", file, "--check-config"},
                        {"TESSERA_TEST_CLOCK=" + folder_.Path("clock")});
  }
  static std::string Blocklist(const std::string& path) {
    return "[passwords]\nblocklist_file = \"" + path + "\"";
  }

  const TemporaryFolder folder_;
};

TEST_F(CheckConfig, AGoodOneEndsWith0) {
  const Program::Ran told = Check(Blocklist(folder_.Write("blocked", "gravel lantern\n")));
  EXPECT_EQ(told.code, 0) << told.output;
  EXPECT_THAT(told.output, AllOf(HasSubstr("is good"), Not(HasSubstr("blocklist_file"))));
}

TEST_F(CheckConfig, WhatIsWrongIsNamedWithItsKeyAndEndsWith2) {
  const Program::Ran told = Check("[audit]\nmax_events = 999");
  EXPECT_EQ(told.code, 2);
  EXPECT_THAT(told.output, AllOf(HasSubstr("audit.max_events"), Not(HasSubstr("is good"))));
}

TEST_F(CheckConfig, ABlocklistThatCannotBeReadIsNamedWithItsPathAndTheReason) {
  const std::string path = folder_.Path("not-there");
  const Program::Ran told = Check(Blocklist(path));
  EXPECT_EQ(told.code, 2);
  EXPECT_THAT(told.output,
              AllOf(HasSubstr("passwords.blocklist_file: " + path + ": No such file or directory"),
                    Not(HasSubstr("is good"))));
}

TEST_F(CheckConfig, ALineOfTheBlocklistThatRefusesNothingIsNamedWithPathAndNumber) {
  const std::string path = folder_.Write("blocked", "gravel lantern\nr\xe9sum\xe9-2027\n\x01\n");
  const Program::Ran told = Check(Blocklist(path));
  EXPECT_EQ(told.code, 0) << told.output;
  EXPECT_THAT(told.output,
              AllOf(HasSubstr("warning: passwords.blocklist_file: " + path + ", line 2:"),
                    HasSubstr("in all: 2"), Not(HasSubstr("2027"))));
}

}  // namespace
}  // namespace tessera::testing
