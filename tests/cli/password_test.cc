// Passwords from the command line; above all, where the reset token goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kResetToken;
using tessera::testing::Ran;
using tessera::testing::ReadFile;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PasswordTest : public CliTest {
 protected:
  void SetUp() override { ASSERT_EQ(Login().code, ExitCode::kOk); }

  const std::string line_ = std::string(kResetToken) + "\n";
  const std::string fresh_ = home_.Write("fresh", "another long password");
};

// So that `token=$(tessera user reset-password ada)` is all that a script needs.
TEST_F(PasswordTest, TheResetTokenIsAloneOnStandardOutput) {
  const Ran ran = Run({"user", "reset-password", "alice"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, line_);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("2030-03-17T18:46:40Z"), Not(HasSubstr(kResetToken))));
}

TEST_F(PasswordTest, OrInANewFileThatItsOwnerAloneCanRead) {
  const std::string path = home_.Path("token");
  const Ran ran = Run({"user", "reset-password", "alice", "--token-file", path});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ReadFile(path), line_);
  struct stat found = {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(Run({"user", "reset-password", "alice", "--token-file", path}).code, ExitCode::kUsage);
}

TEST_F(PasswordTest, JsonNamesTheTokenAndItsEnd) {
  const Ran ran = Run({"user", "reset-password", "alice", "--json"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr(kResetToken), HasSubstr("expire_time")));
}

TEST_F(PasswordTest, ATokenSetsAPasswordOnceAndWithoutALogin) {
  ASSERT_EQ(Run({"logout"}).code, ExitCode::kOk);
  const std::vector<std::string> reset = {
      "password", "reset", "--token-file", "-", "--new-password-file", fresh_};
  const Ran ran = Run(reset, line_);
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr(kResetToken)));
  const Ran again = Run(reset, line_);
  EXPECT_EQ(again.code, ExitCode::kUnauthenticated);
  EXPECT_THAT(again.err, HasSubstr("RESET_TOKEN_INVALID"));
  EXPECT_EQ(Login().code, ExitCode::kUnauthenticated);
  password_file_ = fresh_;
  EXPECT_EQ(Login().code, ExitCode::kOk);
}

TEST_F(PasswordTest, ChangingIsPasswd) {
  const Ran ran =
      Run({"password", "change", "--password-file", password_file_, "--new-password-file", fresh_});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_TRUE(Credentials().Audiences()->empty());
  password_file_ = fresh_;
  EXPECT_EQ(Login().code, ExitCode::kOk);
}

TEST_F(PasswordTest, NeitherATokenNorAPasswordIsTakenFromTheCommandLine) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"password", "reset", kResetToken},
        {"password", "reset", "--token", kResetToken},
        {"password", "change", "--password", "hunter2"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage);
    EXPECT_THAT(ran.err, AllOf(Not(HasSubstr(kResetToken)), Not(HasSubstr("hunter2"))));
  }
}

TEST_F(PasswordTest, WithoutATerminalItSaysWhichSecretIsMissingAndWhereItCanComeFrom) {
  EXPECT_THAT(Run({"password", "change"}).err,
              HasSubstr("ask for the password on; give it with --password-file (- is"));
  EXPECT_THAT(Run({"password", "change", "--password-file", password_file_}).err,
              HasSubstr("ask for the new password on; give it with --new-password-file (- is"));
  EXPECT_THAT(Run({"password", "reset"}).err,
              HasSubstr("ask for the reset token on; give it with --token-file (- is"));
  EXPECT_THAT(Run({"password", "reset", "--token-file", "-"}, line_).err,
              HasSubstr("ask for the new password on; give it with --new-password-file"));
}

TEST_F(PasswordTest, OnlyOneOfTokenAndPasswordComesFromStandardInput) {
  EXPECT_EQ(Run({"password", "reset", "--token-file", "-", "--new-password-file", "-"}, line_).code,
            ExitCode::kUsage);
}

}  // namespace
}  // namespace tessera::cli
