// `user` and its options against a FakeTesserad.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;
using ::testing::Contains;
using ::testing::HasSubstr;

class UsersTest : public CliTest {
 protected:
  void SetUp() override { ASSERT_EQ(Login().code, ExitCode::kOk); }
  Ran Create(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"user", "create", name, "--password-file",
                                          password_file_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
};

TEST_F(UsersTest, AnEmailAddressIsGivenAndShownAndFindsItsUser) {
  const Ran made = Create("ada", {"--email", "ada@example.org", "--request-id", "r-1"});
  EXPECT_EQ(made.code, ExitCode::kOk) << made.err;
  EXPECT_THAT(made.out, HasSubstr("ada@example.org"));
  const Ran found = Run({"user", "get", "ada@example.org", "--by-email"});
  EXPECT_EQ(found.code, ExitCode::kOk) << found.err;
  EXPECT_EQ(Run({"user", "get", "grace@example.org", "--by-email"}).code, ExitCode::kNotFound);
}

TEST_F(UsersTest, AnEmailAddressIsChangedAndTakenAway) {
  ASSERT_EQ(Create("ada").code, ExitCode::kOk);
  EXPECT_EQ(Run({"user", "update", "ada", "--email", "a@example.org"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_update_mask(), "email");
  EXPECT_EQ(Run({"user", "update", "ada", "--email", "", "--display-name", "A"}).code,
            ExitCode::kOk);
  EXPECT_EQ(server_.last_update_mask(), "email,display_name");
}

TEST_F(UsersTest, AListingHasFilters) {
  const Ran ran =
      Run({"user", "list", "--prefix", "ad", "--role", "reader", "--state", "disabled"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(server_.last_listing().username_prefix(), "ad");
  EXPECT_EQ(server_.last_listing().role(), "reader");
  EXPECT_EQ(server_.last_listing().state(), tessera::v1::USER_STATE_DISABLED);
  EXPECT_EQ(Run({"user", "list"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_listing().state(), tessera::v1::USER_STATE_UNSPECIFIED);
  EXPECT_EQ(Run({"user", "list", "--state", "gone"}).code, ExitCode::kUsage);
}

TEST_F(UsersTest, DisablingAndEnablingAreCommandsOfTheirOwn) {
  ASSERT_EQ(Create("ada").code, ExitCode::kOk);
  EXPECT_THAT(Run({"user", "disable", "ada"}).out, HasSubstr("disabled"));
  EXPECT_EQ(server_.last_update_mask(), "state");
  EXPECT_THAT(Run({"user", "enable", "ada"}).out, HasSubstr("active"));
}

TEST_F(UsersTest, RegisteringNeedsNoLoginAndSendsNoToken) {
  const Ran ran = Run({"user", "register", "ada", "--display-name", "Ada", "--request-id", "r-1",
                       "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("usr_registered"));
  EXPECT_THAT(server_.requests(), Contains("RegisterUser r-1"));
  EXPECT_EQ(Run({"user", "register", "ada", "--password", "x"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"user", "register", "ada", "--email", "a@example.org"}).code, ExitCode::kUsage);
}

}  // namespace
}  // namespace tessera::cli
