// Whole commands against a server: what they print, what they store, how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;
using tessera::testing::ReadFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class UserTest : public CliTest {
 protected:
  UserTest() {
    const Ran ran = Login();
    EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  }
  Ran Create(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"user", "create", name, "--password-file",
                                          password_file_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
};

TEST_F(UserTest, CreatesShowsChangesAndDeletes) {
  const Ran created = Run({"user", "create", "bob", "--display-name", "Bob", "--disabled",
                           "--password-file", password_file_, "--json"});
  ASSERT_EQ(created.code, ExitCode::kOk) << created.err;
  const auto user = nlohmann::json::parse(created.out).at("user");
  EXPECT_EQ(user.at("username"), "bob");
  EXPECT_EQ(user.at("display_name"), "Bob");
  EXPECT_EQ(user.at("state"), "USER_STATE_DISABLED");
  EXPECT_EQ(user.at("create_time"), "2030-03-17T17:46:40Z");

  const std::string id = user.at("id");
  EXPECT_THAT(Run({"user", "get", "bob"}).out, HasSubstr(id));
  EXPECT_THAT(Run({"user", "get", id}).out, HasSubstr("disabled"));
  EXPECT_THAT(Run({"user", "update", "bob", "--state", "active"}).out, HasSubstr("active"));
  EXPECT_EQ(server_.last_update_mask(), "state");
  EXPECT_EQ(Run({"user", "delete", "bob", "--yes"}).out, "Deleted bob (" + id + ").\n");
  const Ran gone = Run({"user", "get", "bob"});
  EXPECT_EQ(gone.code, ExitCode::kNotFound);
  EXPECT_EQ(gone.err, "tessera: USER_NOT_FOUND: no such user\n");
}

TEST_F(UserTest, ATakenNameIsAConflict) { EXPECT_EQ(Create("alice").code, ExitCode::kConflict); }

TEST_F(UserTest, AStaleEtagIsAConflict) {
  const Ran ran = Run({"user", "update", "alice", "--display-name", "", "--etag", "old"});
  EXPECT_EQ(ran.code, ExitCode::kConflict);
  EXPECT_EQ(server_.last_update_mask(), "display_name") << "an empty value is a change, too";
}

TEST_F(UserTest, AttributesAreSetShownReplacedAndRemoved) {
  const Ran created =
      Create("bob", {"--attribute", "department=sales", "--attribute", "motto=a=b"});
  EXPECT_EQ(created.code, ExitCode::kOk) << created.err;
  EXPECT_THAT(created.out, HasSubstr("department=sales, motto=a=b"));
  const Ran updated = Run({"user", "update", "bob", "--attribute=grade="});
  EXPECT_EQ(updated.code, ExitCode::kOk) << updated.err;
  EXPECT_EQ(server_.last_update_mask(), "attributes");
  EXPECT_THAT(updated.out, AllOf(HasSubstr("grade="), Not(HasSubstr("department"))));
  const Ran removed = Run({"user", "update", "bob", "--no-attributes"});
  EXPECT_EQ(removed.code, ExitCode::kOk) << removed.err;
  EXPECT_EQ(server_.last_update_mask(), "attributes");
  EXPECT_THAT(removed.out, Not(HasSubstr("attributes")));
}

TEST_F(UserTest, AnAttributeIsANameAndAValueAndComesOnce) {
  for (const std::vector<std::string>& bad : {std::vector<std::string>{"--attribute", "department"},
                                              {"--attribute", "=sales"},
                                              {"--attribute", "a=b", "--attribute", "a=c"}}) {
    EXPECT_EQ(Create("bob", bad).code, ExitCode::kUsage);
  }
  EXPECT_EQ(Run({"user", "update", "alice", "--attribute", "a=b", "--no-attributes"}).code,
            ExitCode::kUsage);
}

TEST_F(UserTest, NothingToChangeIsUsage) {
  EXPECT_EQ(Run({"user", "update", "alice"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"user", "update", "alice", "--state", "asleep"}).code, ExitCode::kUsage);
}

TEST_F(UserTest, RefusalsOfTheServerKeepTheirExitCodes) {
  server_.FailNext({grpc::StatusCode::PERMISSION_DENIED, "ROLE_REQUIRED: needs tessera.admin"});
  EXPECT_EQ(Run({"user", "list"}).code, ExitCode::kPermissionDenied);
  server_.FailNext({grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID: user.username: no"});
  EXPECT_EQ(Create("bob").code, ExitCode::kInvalid);
  server_.FailNext({grpc::StatusCode::RESOURCE_EXHAUSTED, "OVERLOADED: too much work"});
  EXPECT_EQ(Run({"user", "list"}).code, ExitCode::kUnavailable);
}

TEST_F(UserTest, ListGoesThroughAllPages) {
  for (const char* name : {"bob", "carol", "dave", "eve"}) {
    ASSERT_EQ(Create(name).code, ExitCode::kOk);
  }
  const Ran all = Run({"user", "list"});
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 6) << all.out;
  EXPECT_THAT(all.out, StartsWith("id"));
  const Ran page = Run({"user", "list", "--page-size", "2", "--json"});
  const auto shown = nlohmann::json::parse(page.out);
  EXPECT_EQ(shown.at("users").size(), 2U);
  const std::string token = shown.at("next_page_token");
  const Ran next = Run({"user", "list", "--page-size", "2", "--page-token", token, "--json"});
  EXPECT_NE(nlohmann::json::parse(next.out).at("users")[0], shown.at("users")[0]);
}

TEST_F(UserTest, AServerThatPagesForEverIsFoundOut) {
  const Ran ran = Run({"role", "list"});
  EXPECT_EQ(ran.code, ExitCode::kInternal);
  EXPECT_THAT(ran.err, HasSubstr("UNEXPECTED_ANSWER"));
}

TEST_F(UserTest, ANameCannotSteerTheTerminal) {
  server_.NameEverybody("\x1b]0;owned\x07\nroot");
  for (const char* command : {"list", "get"}) {
    std::vector<std::string> arguments = {"user", command};
    if (std::string(command) == "get") arguments.emplace_back("alice");
    const Ran ran = Run(arguments);
    EXPECT_THAT(ran.out,
                AllOf(HasSubstr("\\u{1b}]0;owned\\u{7}\\u{a}root"), Not(HasSubstr("\x1b"))));
  }
  EXPECT_THAT(Run({"user", "list", "--json"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(UserTest, DeletingWithoutTerminalNeedsYesAndAsksTheServerNothing) {
  const Ran ran = Run({"user", "delete", "alice"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("--yes"));
  EXPECT_THAT(server_.requests(), ElementsAre());
}

TEST_F(UserTest, PasswdEndsAllSessionsAndForgetsThem) {
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  const std::string fresh = home_.Write("new", "another long password");
  const Ran wrong = Run({"user", "passwd", "--password-file", fresh, "--new-password-file", fresh});
  EXPECT_EQ(wrong.code, ExitCode::kUnauthenticated);
  EXPECT_TRUE(Credentials().Load("")->has_value()) << "nothing has changed yet";
  const Ran ran =
      Run({"user", "passwd", "--password-file", password_file_, "--new-password-file", fresh});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_TRUE(Credentials().Audiences()->empty());
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kUnauthenticated);
  password_file_ = fresh;
  EXPECT_EQ(Login().code, ExitCode::kOk);
}

TEST_F(UserTest, PasswdForgetsTheSessionsBesideADamagedFile) {
  const std::string damaged =
      home_.Write("config/credentials/default/audience-orders.json", "damaged");
  const std::string fresh = home_.Write("new", "another long password");
  const Ran ran =
      Run({"user", "passwd", "--password-file", password_file_, "--new-password-file", fresh});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_FALSE(Credentials().Load("")->has_value());
  EXPECT_EQ(ReadFile(damaged), "damaged");
}

class ContextCommandTest : public CliTest {};

TEST_F(ContextCommandTest, SetUseList) {
  ASSERT_EQ(Run({"context", "set", "prod", "--server", "auth.example:443"}).code, ExitCode::kOk);
  ASSERT_EQ(Run({"context", "set", "--server", "127.0.0.1:1", "--plaintext"}).code, ExitCode::kOk);
  ASSERT_EQ(Run({"context", "use", "prod"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"context", "list"}).out,
            "current  name     server            plaintext  ca\n"
            "-        default  127.0.0.1:1       true       -\n"
            "*        prod     auth.example:443  false      -\n");
  const Ran unknown = Run({"context", "use", "none"});
  EXPECT_EQ(unknown.code, ExitCode::kUsage) << "as with --context none";
  EXPECT_EQ(unknown.err,
            "tessera: CONTEXT_NOT_FOUND: no context none; see `tessera context list`\n");
}

TEST_F(ContextCommandTest, SetRefusesWhatNoCommandCouldUse) {
  EXPECT_EQ(Run({"context", "set", "x", "--server", "nonsense"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"context", "set", "x", "--server", "192.0.2.1:1", "--plaintext"}).code,
            ExitCode::kUsage);
}

TEST_F(ContextCommandTest, ContextsKeepTheirSessionsApart) {
  ASSERT_EQ(Login({"--context", "a"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"whoami", "--context", "a"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"whoami", "--server", server_.address(), "--plaintext"}).code,
            ExitCode::kUnauthenticated);
}

class CommandLineTest : public CliTest {};

TEST_F(CommandLineTest, HelpAndVersionGoToStandardOutput) {
  EXPECT_THAT(Run({"--help"}).out, AllOf(HasSubstr("login"), HasSubstr("TESSERACTL_SERVER")));
  EXPECT_THAT(Run({"user", "create", "--help"}).out, HasSubstr("--password-file"));
  EXPECT_THAT(Run({"--version"}).out, StartsWith("tessera "));
}

TEST_F(CommandLineTest, MistakesAreUsage) {
  EXPECT_EQ(Run({}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"user"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"user", "get"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"user", "list", "--page-size", "0"}).code, ExitCode::kUsage);
  const Ran ran = Run({"lgin"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("unknown command lgin"));
}

TEST_F(CommandLineTest, AMistypedCommandIsNamedWithTheHelpThatKnowsBetter) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{"frob"}, "unknown command frob; see tessera --help"},
      {{"user", "lst"}, "unknown command user lst; see tessera user --help"},
      {{"user", "lst", "alice", "--prefix", "a"},
       "unknown command user lst; see tessera user --help"},
      {{"--plaintext", "frob"}, "unknown command frob; see tessera --help"},
      {{"--server", "s:1", "user", "--timeout=1s", "frob"},
       "unknown command user frob; see tessera user --help"},
      {{"user"}, "A subcommand is required; see tessera user --help"},
      {{}, "A subcommand is required; see tessera --help"},
      {{"token", "access", "spare"}, "an argument too many; see tessera token print --help"},
  };
  for (const auto& [arguments, text] : mistakes) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage);
    EXPECT_EQ(ran.err, "tessera: USAGE: " + text + "\n");
  }
  EXPECT_THAT(Run({"--json", "frob"}).err, HasSubstr("unknown command frob; see tessera --help"));
}

TEST_F(CommandLineTest, WhatMayBeASecretIsNotRepeatedAsAnUnknownCommand) {
  const std::string token = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
  const std::string long_word(41, 'a');
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"token", token},
                                                    {"token", "tsr_secret"},
                                                    {"password", "hunter2"},
                                                    {"token", long_word},
                                                    {"--passwort", "secret"},
                                                    {"user", "--passwort", "secret"},
                                                    {"--context", "secret"},
                                                    {"--server=secret"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage);
    for (const std::string& secret :
         {token, long_word, std::string("secret"), std::string("hunter2")}) {
      EXPECT_THAT(ran.err, Not(HasSubstr(secret)));
    }
  }
  EXPECT_EQ(Run({"token", token}).err,
            "tessera: USAGE: unknown command; see tessera token --help\n");
}

TEST_F(CommandLineTest, HelpShowsAFlagAndItsOppositeAsTheyAreTyped) {
  EXPECT_THAT(Run({"--help"}).out,
              AllOf(HasSubstr("--plaintext,--no-plaintext "), Not(HasSubstr("{"))));
}

TEST_F(CommandLineTest, ErrorsAreJsonEvenIfTheCommandLineCannotBeRead) {
  const Ran ran = Run({"user", "get", "--json"});
  EXPECT_EQ(nlohmann::json::parse(ran.err).at("error").at("reason"), "USAGE");
}

TEST_F(CommandLineTest, OutputThatCannotBeWrittenIsAnError) {
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  World world{
      out, err, {}, [](const std::string&) { return std::optional<std::string>("/x"); }, clock_};
  EXPECT_EQ(RunCli(world, {"--version"}), ExitCode::kInternal);
}

}  // namespace
}  // namespace tessera::cli
