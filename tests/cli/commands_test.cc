// Whole commands against a server: what they print, what they store, how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kPassword;
using tessera::testing::Ran;
using tessera::testing::ReadFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class LoginTest : public CliTest {};

TEST_F(LoginTest, LaterCommandsNeedNoFlags) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const Ran ran = Run({"whoami"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("username         alice\n"), HasSubstr("tessera.admin")));
}

TEST_F(LoginTest, AsksForTheScopesGivenAndElseForNone) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.last_scopes(), "");
  ASSERT_EQ(Login({"--scope", "orders.read", "--scope=orders.write"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_scopes(), "orders.read orders.write");
}

TEST_F(LoginTest, AsksForTheClaimsGivenAndElseForNone) {
  using Claims = std::map<std::string, std::string>;
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.last_claims(), Claims());
  ASSERT_EQ(Login({"--claim", "tenant=north", "--claim=note=a=b"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_claims(), (Claims{{"tenant", "north"}, {"note", "a=b"}}));
}

TEST_F(LoginTest, AClaimThatIsNoneIsAMistakeAndAsksForNoPassword) {
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--claim", "tenant"},
        {"--claim", "=north"},
        {"--claim", "tenant=north", "--claim", "tenant=south"}}) {
    EXPECT_EQ(Login(more).code, ExitCode::kUsage);
  }
  EXPECT_FALSE((*Credentials().Load("")).has_value());
}

TEST_F(LoginTest, PrintsNoToken) {
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json"}}) {
    const Ran ran = Login(more);
    const auto grant = Credentials().Load("");
    const std::string access((*grant)->access_token.Reveal());
    EXPECT_THAT(ran.out + ran.err,
                AllOf(Not(HasSubstr(access)), Not(HasSubstr("tsr_")), Not(HasSubstr(kPassword))));
  }
}

TEST_F(LoginTest, JsonTellsTheSession) {
  const Ran ran = Login({"--json"});
  const auto shown = nlohmann::json::parse(ran.out);
  EXPECT_EQ(shown.at("username"), "alice");
  EXPECT_EQ(shown.at("audience"), "tessera");
  EXPECT_EQ(shown.at("server"), server_.address());
  EXPECT_EQ(shown.at("access_expires_at"), "2030-03-17T18:01:40Z");
}

TEST_F(LoginTest, AWrongPasswordIsNotAuthenticatedAndStoresNothing) {
  password_file_ = home_.Write("wrong", "wrong");
  const Ran ran = Login();
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(ran.err, "tessera: BAD_CREDENTIALS: user name or password is wrong\n");
  EXPECT_FALSE(Credentials().Load("")->has_value());
}

TEST_F(LoginTest, ThePasswordCanComeFromStandardInput) {
  const Ran ran = Run({"login", "-u", "alice", "--server", server_.address(), "--plaintext",
                       "--password-file", "-"},
                      std::string(kPassword) + "\n");
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
}

TEST_F(LoginTest, APasswordOnTheCommandLineIsRefusedAndNotRepeated) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"login", "--password", "hunter2"},
        {"login", "--password=hunter2"},
        {"login", "hunter2"},
        {"login", "-phunter2"},
        {"login", "--passwort=hunter2"},
        {"user", "create", "bob", "--password", "hunter2"},
        {"user", "passwd", "--password", "hunter2"},
        {"user", "create", "bob", "hunter2"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage);
    EXPECT_THAT(ran.err, Not(HasSubstr("hunter2")));
  }
}

TEST_F(LoginTest, WithoutATerminalItSaysWhereThePasswordCanComeFrom) {
  const Ran ran = Run({"login", "-u", "alice", "--server", server_.address(), "--plaintext"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("--password-file"));
}

TEST_F(LoginTest, APasswordIsNotSentInTheClearToAnotherMachine) {
  const Ran ran = Run({"login", "-u", "alice", "--server", "192.0.2.1:7443", "--plaintext",
                       "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, StartsWith("tessera: PLAINTEXT_REFUSED: "));
}

TEST_F(LoginTest, TheLoudFlagWarnsEachTime) {
  const Ran ran = Run({"token", "validate", "-", "--server", "192.0.2.1:7443", "--plaintext",
                       "--plaintext-off-loopback", "--timeout", "1ms"},
                      "token");
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, StartsWith("tessera: warning: PLAINTEXT"));
}

TEST_F(LoginTest, LoggingInAgainEndsTheSessionBefore) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.counts().sessions_open, 1);
}

TEST_F(LoginTest, AudiencesHaveSessionsOfTheirOwn) {
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  const Ran refused = Run({"user", "list"});
  EXPECT_EQ(refused.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(refused.err, "tessera: NOT_LOGGED_IN: not logged in at " + server_.address() +
                             " for tessera itself (only for: orders); run `tessera login`\n");
  const Ran shown = Run({"whoami", "--audience", "orders"});
  EXPECT_EQ(shown.code, ExitCode::kOk);
  EXPECT_THAT(shown.out, HasSubstr("audience    orders\n"));
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"user", "list"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.counts().sessions_open, 2);
}

TEST_F(LoginTest, AnUnreachableServerIsUnavailable) {
  const Ran ran = Run({"login", "-u", "alice", "--server", "127.0.0.1:1", "--plaintext",
                       "--password-file", password_file_, "--json"});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  const auto error = nlohmann::json::parse(ran.err).at("error");
  EXPECT_EQ(error.at("code"), "UNAVAILABLE");
  EXPECT_THAT(error.at("message").get<std::string>(), HasSubstr("127.0.0.1:1"));
}

TEST_F(LoginTest, TlsToAPlaintextPortIsUnavailableWithAHint) {
  const Ran ran = Run(
      {"login", "-u", "alice", "--server", server_.address(), "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, HasSubstr("does the server speak TLS"));
}

TEST_F(LoginTest, NoSessionIsOpenedWhileAnotherCommandHoldsTheCredentials) {
  const auto held = Credentials().Hold("", absl::Seconds(5));
  ASSERT_TRUE(held.ok());
  const Ran ran = Login({"--timeout", "10ms"});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, StartsWith("tessera: BUSY: "));
  EXPECT_EQ(server_.counts().logins, 0);
}

TEST_F(LoginTest, ASessionThatCannotBeStoredIsEnded) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const std::string in_the_way = home_.Path("config/credentials/default/.self.json.new");
  std::filesystem::create_directory(in_the_way);
  const Ran ran = Login();
  EXPECT_EQ(ran.code, ExitCode::kInternal);
  EXPECT_THAT(ran.err, StartsWith("tessera: FILE_FAILED: "));
  EXPECT_EQ(server_.counts().logins, 2);
  EXPECT_EQ(server_.counts().sessions_open, 1);
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kOk) << "the session before goes on";
}

TEST_F(LoginTest, AnUnknownContextIsUsageForAllButLoginAndContextSet) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  for (const std::vector<std::string>& command : {std::vector<std::string>{"whoami"},
                                                  {"logout", "--all"},
                                                  {"token", "print"},
                                                  {"user", "list"},
                                                  {"role", "list"},
                                                  {"context", "list"},
                                                  {"context", "use", "default"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--context", "prdo"});
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage) << command.front();
    EXPECT_EQ(ran.err, "tessera: USAGE: no context prdo; see `tessera context list`\n");
  }
  environment_["TESSERACTL_CONTEXT"] = "prdo";
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kUsage) << "by the variable, too";
  environment_.clear();
  environment_["TESSERACTL_CONFIG_DIR"] = home_.Path("config");
  EXPECT_EQ(Run({"context", "set", "--context", "a", "--server", "a:1"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"context", "set", "b", "--server", "b:1"}).code, ExitCode::kOk);
  EXPECT_EQ(Login({"--context", "c"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"whoami", "--context", "c"}).code, ExitCode::kOk);
}

TEST_F(LoginTest, TheDefaultContextIsKnownBeforeItIsStored) {
  EXPECT_EQ(Run({"whoami", "--context", "default"}).code, ExitCode::kUnauthenticated);
  EXPECT_EQ(Run({"context", "list", "--context", "default"}).code, ExitCode::kOk);
}

class LogoutTest : public CliTest {};

TEST_F(LogoutTest, EndsTheSessionAndForgetsIt) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"logout"}).out, "Logged out.\n");
  EXPECT_EQ(server_.counts().sessions_open, 0);
  EXPECT_FALSE(Credentials().Load("")->has_value());
  const Ran again = Run({"logout"});
  EXPECT_EQ(again.code, ExitCode::kOk);
  EXPECT_EQ(again.out, "Not logged in.\n");
}

TEST_F(LogoutTest, AllMeansEveryAudience) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  const Ran ran = Run({"logout", "--all", "--json"});
  EXPECT_EQ(nlohmann::json::parse(ran.out).at("sessions"), 2);
  EXPECT_EQ(server_.counts().sessions_open, 0);
}

TEST_F(LogoutTest, LocalForgetsWithoutTheServer) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"logout", "--local"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.counts().sessions_open, 1);
  EXPECT_FALSE(Credentials().Load("")->has_value());
}

TEST_F(LogoutTest, AllEndsWhatItCanAndTellsWhatItCannot) {
  for (const char* audience : {"orders", "billing", "stock"}) {
    ASSERT_EQ(Login({"--audience", audience}).code, ExitCode::kOk);
  }
  ASSERT_EQ(Login().code, ExitCode::kOk);
  home_.Write("config/credentials/default/audience-billing.json", "damaged");
  home_.Write("config/credentials/default/audience-orders.json", "damaged");
  const Ran ran = Run({"logout", "--all"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("CONFIG_INVALID: credentials audience-billing.json"),
                             HasSubstr("warning: CONFIG_INVALID: credentials audience-orders.json"),
                             HasSubstr("--local")));
  EXPECT_EQ(server_.counts().sessions_open, 2);
  EXPECT_THAT(*Credentials().Files(), ElementsAre("audience-billing.json", "audience-orders.json"));
}

TEST_F(LogoutTest, LocalForgetsADamagedFileUnread) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  ASSERT_EQ(Login({"--audience", "stock"}).code, ExitCode::kOk);
  home_.Write("config/credentials/default/self.json", "damaged");
  home_.Write("config/credentials/default/audience-orders.json", "{}", 0644);
  EXPECT_EQ(Run({"logout", "--local"}).out, "Logged out.\n");
  EXPECT_THAT(*Credentials().Files(), ElementsAre("audience-orders.json", "audience-stock.json"));
  EXPECT_EQ(Run({"logout", "--local", "--all"}).code, ExitCode::kOk);
  EXPECT_THAT(*Credentials().Files(), ElementsAre());
  EXPECT_EQ(server_.counts().sessions_open, 3);
}

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

class RoleTest : public CliTest {
 protected:
  RoleTest() { EXPECT_EQ(Login().code, ExitCode::kOk); }
};

TEST_F(RoleTest, ANameIsLookedUpAndAnIdIsTakenAsItIs) {
  const auto shown = nlohmann::json::parse(Run({"user", "get", "alice", "--json"}).out);
  const std::string id = shown.at("user").at("id");
  EXPECT_EQ(Run({"role", "grant", "orders.admin", "alice"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"role", "grant", "orders.admin", id}).code, ExitCode::kOk);
  const std::string granted = "GrantRole orders.admin " + id;
  EXPECT_THAT(server_.requests(), ElementsAre("GetUser", "GetUser", granted, granted));
}

TEST_F(RoleTest, LookingUpNobodyIsAnAnswer) {
  const Ran ran = Run({"role", "lookup", "nobody"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_EQ(ran.out, "kind     no_one\nuser_id  -\n");
}

TEST_F(RoleTest, ListShowsAPage) {
  const Ran ran = Run({"role", "list", "--page-size", "1"});
  EXPECT_EQ(ran.out,
            "name          audiences  create_time  description\n"
            "orders.admin  orders     -            -\n");
  EXPECT_EQ(ran.err, "More: --page-token for ever the same\n");
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
  EXPECT_EQ(Run({"context", "use", "none"}).code, ExitCode::kNotFound);
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
