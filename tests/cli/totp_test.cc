// A login's second step, and the commands of the second factor.
#include <gmock/gmock.h>

#include <thread>

#include "nlohmann/json.hpp"
#include "tessera/cli/login_code.h"
#include "tessera/cli/qr_code.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/pseudo_terminal.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TotpTest : public CliTest {
 protected:
  std::string File(const std::string& content) { return home_.Write("code", content + "\n"); }
  std::string PasswordFile(const std::string& content = kPassword) {
    return home_.Write("own password", content + "\n");
  }
};

TEST_F(TotpTest, ALoginTakesItsCodeFromAFileHoweverItIsSpaced) {
  server_.AskForCodes();
  EXPECT_EQ(Login({"--code-file", File("123 456")}).code, cli::ExitCode::kOk);
  EXPECT_EQ(server_.counts().logins, 1);
  EXPECT_TRUE((*Credentials().Load("")).has_value());
}

TEST_F(TotpTest, WhatIsNoCodeOfAnAuthenticatorIsARecoveryCode) {
  server_.AskForCodes();
  EXPECT_EQ(Login({"--code-file", File(kRecoveryCode)}).code, cli::ExitCode::kOk);
  EXPECT_EQ(server_.counts().logins, 1);
}

TEST_F(TotpTest, AWrongCodeFromAFileEndsTheLoginAndStoresNothing) {
  server_.AskForCodes();
  const Ran ran = Login({"--code-file", File("654321")});
  EXPECT_EQ(ran.code, cli::ExitCode::kUnauthenticated);
  EXPECT_THAT(ran.err, HasSubstr("CODE_WRONG"));
  EXPECT_THAT(ran.err, Not(HasSubstr("654321")));
  EXPECT_FALSE((*Credentials().Load("")).has_value());
}

TEST_F(TotpTest, WithoutAFileAndATerminalThereIsNobodyToAsk) {
  server_.AskForCodes();
  const Ran ran = Login();
  EXPECT_EQ(ran.code, cli::ExitCode::kUsage);
  EXPECT_EQ(ran.err,
            "tessera: USAGE: there is no terminal to ask for the code on; give it with --code-file "
            "(- is standard input)\n");
}

TEST_F(TotpTest, EveryCommandThatNeedsACodeNamesItAndItsOption) {
  Login();
  for (const char* command : {"confirm", "recovery-codes", "disable"}) {
    EXPECT_THAT(Run({"totp", command}).err, HasSubstr("ask for the code on; give it with --code-"));
    const Ran empty = Run({"totp", command, "--code-file", "-"}, "\n");
    EXPECT_THAT(empty.err, HasSubstr("standard input holds no code"));
  }
  EXPECT_THAT(Run({"totp", "enroll"}).err,
              HasSubstr("ask for the password on; give it with --pas"));
}

TEST_F(TotpTest, ATerminalIsAskedAgainWithoutShowingWhatIsTyped) {
  server_.AskForCodes();
  PseudoTerminal tty;
  terminal_ = tty.path();
  Ran ran;
  std::thread program([&] { ran = Login(); });
  EXPECT_TRUE(tty.WaitFor("recovery code: "));
  tty.Type("000000\n");
  EXPECT_TRUE(tty.WaitFor("recovery code: "));
  tty.Type(std::string(kTotpCode) + "\n");
  program.join();
  EXPECT_EQ(ran.code, cli::ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("CODE_WRONG"));
  EXPECT_THAT(tty.seen(), Not(HasSubstr(kTotpCode)));
}

TEST_F(TotpTest, ATerminalIsNotAskedForEver) {
  server_.AskForCodes();
  PseudoTerminal tty;
  terminal_ = tty.path();
  Ran ran;
  std::thread program([&] { ran = Login(); });
  for (int i = 0; i < cli::kCodeTries; ++i) {
    EXPECT_TRUE(tty.WaitFor("recovery code: "));
    tty.Type("000000\n");
  }
  program.join();
  EXPECT_EQ(ran.code, cli::ExitCode::kUnauthenticated);
}

TEST_F(TotpTest, OnlyOneSecretComesFromStandardInput) {
  const Ran ran = Run({"login", "--username", "alice", "--server", server_.address(), "--plaintext",
                       "--password-file", "-", "--code-file", "-"},
                      kPassword);
  EXPECT_EQ(ran.code, cli::ExitCode::kUsage);
}

TEST_F(TotpTest, EnrollShowsTheSecretAndDrawsItWhenAsked) {
  Login();
  const Ran plain = Run({"totp", "enroll", "--password-file", PasswordFile()});
  EXPECT_THAT(plain.out, HasSubstr(kTotpSecret));
  const Ran drawn = Run({"totp", "enroll", "--qr", "--password-file", PasswordFile()});
  EXPECT_THAT(drawn.out, HasSubstr("\u2588\u2588\u2588"));
  const Ran json = Run({"totp", "enroll", "--json", "--password-file", PasswordFile()});
  EXPECT_EQ(nlohmann::json::parse(json.out)["secret"], kTotpSecret);
}

TEST_F(TotpTest, EnrollAsksForThePasswordAndTakesNoneFromTheCommandLine) {
  Login();
  EXPECT_EQ(Run({"totp", "enroll"}).code, cli::ExitCode::kUsage);  // nobody to ask
  EXPECT_EQ(Run({"totp", "enroll", "--password", kPassword}).code, cli::ExitCode::kUsage);
  const Ran wrong = Run({"totp", "enroll", "--password-file", PasswordFile("another one")});
  EXPECT_EQ(wrong.code, cli::ExitCode::kUnauthenticated);
  EXPECT_THAT(wrong.err, HasSubstr("BAD_CREDENTIALS"));
  EXPECT_THAT(wrong.out, Not(HasSubstr(kTotpSecret)));
  PseudoTerminal tty;
  terminal_ = tty.path();
  Ran ran;
  std::thread program([&] { ran = Run({"totp", "enroll"}); });
  EXPECT_TRUE(tty.WaitFor("password: "));
  tty.Type(std::string(kPassword) + "\n");
  program.join();
  EXPECT_EQ(ran.code, cli::ExitCode::kOk) << ran.err;
  EXPECT_THAT(tty.seen(), Not(HasSubstr(kPassword)));
}

TEST_F(TotpTest, WhatTakesOrReplacesAsksForACodeOfEitherKind) {
  Login();
  EXPECT_EQ(Run({"totp", "recovery-codes"}).code, cli::ExitCode::kUsage);
  EXPECT_EQ(Run({"totp", "disable"}).code, cli::ExitCode::kUsage);
  EXPECT_EQ(Run({"totp", "recovery-codes", "--code-file", File("000000")}).code,
            cli::ExitCode::kUnauthenticated);
  EXPECT_EQ(Run({"totp", "disable", "--code-file", File("00000-00000")}).code,
            cli::ExitCode::kUnauthenticated);
  EXPECT_TRUE((*Credentials().Load("")).has_value());
  const Ran others = Run({"totp", "recovery-codes", "--code-file", File("123 456")});
  EXPECT_EQ(others.code, cli::ExitCode::kOk) << others.err;
  EXPECT_THAT(others.out, HasSubstr(kRecoveryCode));
  const Ran gone = Run({"totp", "disable", "--code-file", File(kRecoveryCode)});
  EXPECT_EQ(gone.code, cli::ExitCode::kOk) << gone.err;
  EXPECT_FALSE((*Credentials().Load("")).has_value());
}

TEST_F(TotpTest, ConfirmShowsTheRecoveryCodesAndForgetsTheSessions) {
  Login();
  EXPECT_EQ(Run({"totp", "confirm", "--code-file", File("000000")}).code,
            cli::ExitCode::kUnauthenticated);
  const Ran ran = Run({"totp", "confirm", "--code-file", File(kTotpCode)});
  EXPECT_EQ(ran.code, cli::ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(kRecoveryCode));
  EXPECT_FALSE((*Credentials().Load("")).has_value());
}

TEST_F(TotpTest, ResetNamesTheUserByNameToo) {
  Login();
  const Ran ran = Run({"totp", "reset", "alice"});
  EXPECT_EQ(ran.code, cli::ExitCode::kOk) << ran.err;
  EXPECT_EQ(Run({"totp", "reset", "nobody"}).code, cli::ExitCode::kNotFound);
}

TEST(TotpCode, IsUpToEightDigits) {
  for (const char* code : {"123456", "12345678", "123 456", " 1 2 3 4 5 6 "}) {
    EXPECT_TRUE(cli::IsTotpCode(Secret(code))) << code;
  }
  for (const char* code : {"", " ", "123456789", "1234567890", "12345-67890", "12345a"}) {
    EXPECT_FALSE(cli::IsTotpCode(Secret(code))) << code;
  }
}

// Lines of one width, framed by the quiet zone: what a camera needs.
TEST(QrCode, IsASquareInAFrame) {
  const auto drawn = cli::DrawQrCode(Secret("otpauth://totp/t:a?secret=JBSWY3DPEHPK3PXP"), false);
  ASSERT_TRUE(drawn.has_value());
  const std::string text(drawn->Reveal());
  const std::string block = "\u2588";
  const std::string first = text.substr(0, text.find('\n'));
  ASSERT_EQ(first.size() % block.size(), 0u);
  const size_t width = first.size() / block.size();
  std::string all_light;
  for (size_t i = 0; i < width; ++i) all_light += block;
  EXPECT_EQ(first, all_light);
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), (width + 1) / 2);
  EXPECT_FALSE(cli::DrawQrCode(Secret(std::string(8000, 'x')), false).has_value());
  EXPECT_FALSE(cli::DrawQrCode(Secret(), false).has_value());
}

}  // namespace
}  // namespace tessera::testing
