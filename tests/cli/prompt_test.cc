#include "tessera/cli/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "tests/base/temporary_folder.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/pseudo_terminal.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kPassword;
using tessera::testing::PseudoTerminal;
using tessera::testing::Ran;
using tessera::testing::TemporaryFolder;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReadPasswordFile, TakesOneLineWithoutItsEnd) {
  TemporaryFolder temporary;
  const Sources none{"/nonexistent", -1};
  for (const char* text : {" pass word ", " pass word \n", " pass word \r\n"}) {
    const auto password = ReadPasswordFile(temporary.Write("p", text), none);
    ASSERT_TRUE(password.ok()) << password.status();
    EXPECT_EQ(password->Reveal(), " pass word ");
  }
}

TEST(ReadPasswordFile, RefusesWhatIsNoPassword) {
  TemporaryFolder temporary;
  const Sources none{"/nonexistent", -1};
  for (const std::string& text : {std::string(), std::string("\n"), std::string("a\nb\n"),
                                  std::string("a\n\n"), std::string(kMaxPasswordBytes + 3, 'x')}) {
    EXPECT_EQ(ExitCodeOf(ReadPasswordFile(temporary.Write("p", text), none).status()),
              ExitCode::kUsage);
  }
  EXPECT_FALSE(ReadPasswordFile(temporary.Path("none"), none).ok());
}

TEST(ReadPasswordFile, RefusesAFileThatIsOpenToOthers) {
  TemporaryFolder temporary;
  const Sources none{"/nonexistent", -1};
  for (const mode_t mode : {0604U, 0602U, 0620U}) {
    EXPECT_FALSE(ReadPasswordFile(temporary.Write("p", "pass", mode), none).ok()) << mode;
  }
  EXPECT_TRUE(ReadPasswordFile(temporary.Write("p", "pass", 0640), none).ok())
      << "a group may share a secret, as mounted secrets do";
}

class PromptTest : public CliTest {
 protected:
  PromptTest() { terminal_ = tty_.path(); }

  // Runs the program in a thread while the test types.
  void Start(std::vector<std::string> arguments) {
    program_ = std::thread([this, arguments = std::move(arguments)] { ran_ = Run(arguments); });
  }
  const Ran& Finish() {
    program_.join();
    return ran_;
  }

  PseudoTerminal tty_;
  std::thread program_;
  Ran ran_;
};

TEST_F(PromptTest, ThePasswordIsNotShownAndTheEchoComesBack) {
  Start({"login", "--server", server_.address(), "--plaintext"});
  ASSERT_TRUE(tty_.WaitFor("User name: "));
  tty_.Type("alice\n");
  ASSERT_TRUE(tty_.WaitFor("Password: "));
  EXPECT_FALSE(tty_.Echoes());
  tty_.Type(std::string(kPassword) + "\n");
  EXPECT_EQ(Finish().code, ExitCode::kOk) << ran_.err;
  EXPECT_TRUE(tty_.Echoes());
  EXPECT_THAT(tty_.seen(), Not(HasSubstr(kPassword)));
}

TEST_F(PromptTest, EndOfInputBreaksOff) {
  Start({"login", "-u", "alice", "--server", server_.address(), "--plaintext"});
  ASSERT_TRUE(tty_.WaitFor("Password: "));
  tty_.Type("\x04");
  EXPECT_EQ(Finish().code, ExitCode::kInternal);
  EXPECT_THAT(ran_.err, HasSubstr("BROKEN_OFF"));
  EXPECT_TRUE(tty_.Echoes());
}

TEST_F(PromptTest, ANewPasswordIsAskedForTwice) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  Start({"user", "create", "bob"});
  ASSERT_TRUE(tty_.WaitFor("Password of the new user: "));
  tty_.Type("a long password\n");
  ASSERT_TRUE(tty_.WaitFor("Once more: "));
  tty_.Type("another password\n");
  EXPECT_EQ(Finish().code, ExitCode::kUsage);
  EXPECT_THAT(ran_.err, HasSubstr("differ"));
  EXPECT_THAT(server_.requests(), ::testing::ElementsAre());
}

TEST_F(PromptTest, DeletingAsksAndOnlyYesDeletes) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  Start({"user", "delete", "alice"});
  ASSERT_TRUE(tty_.WaitFor("[y/N] "));
  EXPECT_THAT(tty_.seen(), HasSubstr("Delete user alice (usr_"));
  tty_.Type("\n");
  EXPECT_EQ(Finish().code, ExitCode::kInternal);
  EXPECT_THAT(server_.requests(), ::testing::ElementsAre("GetUser"));
  Start({"user", "delete", "alice"});
  ASSERT_TRUE(tty_.WaitFor("[y/N] "));
  tty_.Type("Yes\n");
  EXPECT_EQ(Finish().code, ExitCode::kOk) << ran_.err;
}

}  // namespace
}  // namespace tessera::cli
