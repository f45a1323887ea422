// tesserad on a database that was set up as deploy/mysql says, and starts that have to wait for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Generous: a sanitised program on a busy machine.
constexpr absl::Duration kLimit = absl::Seconds(90);

struct Ended {
  int status = -1;
  std::string output;
};

Ended RunToEnd(const std::vector<std::string>& argv,
               const std::vector<std::string>& environment = {}) {
  const auto program = Program::Start(argv, environment);
  program->WaitForLine("\n", kLimit);  // which no line holds: until all is printed
  const int status = program->Wait(kLimit);
  return {status, program->Output()};
}

MariaDb::Options LoggingEverything() {
  MariaDb::Options options;
  options.tls = true;
  options.arguments = {"--general-log=ON", "--general-log-file=general.log", "--log-bin=binlog",
                       "--sync-binlog=1", "--binlog-format=ROW"};
  return options;
}

// A database with deploy/mysql's accounts, and tesserad's configuration for it.
class MysqlSetup : public ::testing::Test {
 protected:
  MysqlSetup() {
    folder_.Write("master.key", "m1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n");
    folder_.Write("admin-password", Tesserad::kAdminPassword);
    folder_.Write("tessera.toml", Config());
  }

  std::string Config() const {
    return absl::StrCat(
        "[server]\nlisten = \"127.0.0.1:0\"\nplaintext = true\n[storage]\nurl = \"", Url("tessera"),
        "\"\npassword_file = \"", PasswordFile("tessera"), "\"\ntls_ca = \"", database_.ca_file(),
        "\"\nmigrate = false\n[keys]\nmaster_key_file = \"", folder_.Path("master.key"),
        "\"\n[tokens]\nissuer = \"https://tessera.test\"\n",
        "[passwords]\nmemory_kib = 8192\npasses = 1\n[bootstrap]\nadmin_password_file = \"",
        folder_.Path("admin-password"), "\"\n");
  }
  std::string Url(const std::string& account) const {
    return absl::StrCat("mysql://", account, "@127.0.0.1:", database_.port(), "/tessera");
  }
  std::string PasswordFile(const std::string& account) const { return folder_.Path(account); }
  std::string Client() const {
    return "mariadb --no-defaults --user=root --socket=" + database_.socket_file();
  }

  void RunAccountsFile() {
    const Ended made =
        RunToEnd({"sh", "-c", absl::StrCat(Client(), " < ", DEPLOY_MYSQL, "/accounts.sql")});
    ASSERT_EQ(made.status, 0) << made.output;
  }
  void SetPassword(const std::string& account) {
    const Ended set = RunToEnd({"sh", "-c",
                                absl::StrCat(DEPLOY_MYSQL, "/set_password.sh ", account, " % ",
                                             PasswordFile(account), " ", Client())});
    ASSERT_EQ(set.status, 0) << set.output;
    EXPECT_EQ(ModeOf(PasswordFile(account)), 0600u);
  }
  void SetUpAccounts() {
    ASSERT_NO_FATAL_FAILURE(RunAccountsFile());
    for (const char* account : {"tessera", "tessera_schema"}) {
      ASSERT_NO_FATAL_FAILURE(SetPassword(account));
    }
  }

  std::vector<std::string> Command(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> argv = {TESSERAD_WITH_CLOCK, "--config", folder_.Path("tessera.toml")};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  std::vector<std::string> With(std::vector<std::string> variables) const {
    variables.push_back("TESSERA_TEST_CLOCK=" + folder_.Path("clock"));
    return variables;
  }
  Ended Migrate(const std::string& account) const {
    return RunToEnd(Command({"--migrate"}),
                    With({"TESSERA_STORAGE_URL=" + Url(account),
                          "TESSERA_STORAGE_PASSWORD_FILE=" + PasswordFile(account)}));
  }

  MariaDb database_{LoggingEverything()};
  const TemporaryFolder folder_;
};

TEST_F(MysqlSetup, AccountsAreLockedUntilTheyHaveAPasswordAndMayBeMadeAgain) {
  ASSERT_NO_FATAL_FAILURE(RunAccountsFile());
  EXPECT_THAT(database_.Sql("SHOW CREATE USER 'tessera'@'%'"),
              AllOf(HasSubstr("ACCOUNT LOCK"), HasSubstr("REQUIRE SSL")));
  ASSERT_NO_FATAL_FAILURE(SetUpAccounts());
  ASSERT_NO_FATAL_FAILURE(RunAccountsFile());
  for (const char* account : {"tessera", "tessera_schema"}) {
    EXPECT_THAT(database_.Sql(absl::StrCat("SHOW CREATE USER '", account, "'@'%'")),
                AllOf(Not(HasSubstr("ACCOUNT LOCK")), HasSubstr("REQUIRE SSL")));
  }
  EXPECT_THAT(database_.Sql("SHOW GRANTS FOR 'tessera'@'%'"),
              HasSubstr("GRANT SELECT, INSERT, UPDATE, DELETE ON `tessera`.*"));
}

TEST_F(MysqlSetup, NoLogOfTheServerHoldsAPassword) {
  ASSERT_NO_FATAL_FAILURE(SetUpAccounts());
  std::string password = ReadFile(PasswordFile("tessera"));
  ASSERT_EQ(password.back(), '\n');
  password.pop_back();
  ASSERT_GE(password.size(), 40u);
  int files = 0;
  database_.Sql("FLUSH LOGS");
  for (const auto& file : std::filesystem::directory_iterator(database_.folder() + "/data")) {
    const std::string name = file.path().filename().string();
    if (name != "general.log" && name.find("binlog.0") != 0) continue;
    const std::string content = ReadFile(file.path().string());
    EXPECT_EQ(content.find(password), std::string::npos) << name;
    if (content.find("ALTER USER") != std::string::npos) ++files;
  }
  EXPECT_EQ(files, 2) << "the general log and the binary log were meant to be looked at";
}

TEST_F(MysqlSetup, ServersAccountServesWhatTheOtherAccountHasMigrated) {
  ASSERT_NO_FATAL_FAILURE(SetUpAccounts());
  const Ended too_early = RunToEnd(Command(), With({}));
  EXPECT_EQ(too_early.status, 1);
  EXPECT_THAT(too_early.output, HasSubstr("tesserad --migrate"));

  const Ended not_allowed = Migrate("tessera");
  EXPECT_EQ(not_allowed.status, 1);
  EXPECT_THAT(not_allowed.output, AllOf(HasSubstr("migrate.failed"), HasSubstr("denied")));

  for (const char* done : {"schema.migrated", "migrate.done"}) {
    const Ended migrated = Migrate("tessera_schema");
    EXPECT_EQ(migrated.status, 0) << migrated.output;
    EXPECT_THAT(migrated.output, HasSubstr(done));  // the second time there is nothing left to do
  }

  const auto serving = Program::Start(Command(), With({}));
  ASSERT_NE(serving->WaitForLine("server.ready", kLimit), "") << serving->Output();
  serving->Signal(SIGTERM);
  EXPECT_NE(serving->WaitForLine("server.stopped", kLimit), "");
  EXPECT_EQ(serving->Wait(kLimit), 0) << serving->Output();
  EXPECT_THAT(serving->Output(),
              AllOf(HasSubstr("bootstrap.administrator_made"), Not(HasSubstr("storage.failed"))));
}

TEST_F(MysqlSetup, AccountsAreNotServedInTheClear) {
  ASSERT_NO_FATAL_FAILURE(SetUpAccounts());
  const Ended plain =
      RunToEnd(Command(), With({"TESSERA_STORAGE_TLS_CA=", "TESSERA_STORAGE_WAIT_AT_START=0s"}));
  EXPECT_EQ(plain.status, 1);
  EXPECT_THAT(plain.output, AllOf(HasSubstr("server.failed"), HasSubstr("Access denied")));
}

TEST_F(MysqlSetup, FirstStartWithoutATerminalAsksForThePasswordFile) {
  ASSERT_NO_FATAL_FAILURE(SetUpAccounts());
  ASSERT_EQ(Migrate("tessera_schema").status, 0);
  const Ended refused = RunToEnd(Command(), With({"TESSERA_BOOTSTRAP_ADMIN_PASSWORD_FILE="}));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.output, HasSubstr("bootstrap.admin_password_file is required"));
  EXPECT_EQ(database_.Sql("SELECT COUNT(*) FROM users", "tessera"), "0\n");
}

// mariadbd ends with an error at a setting that it does not know.
TEST(MysqlSettings, AreKnownToTheServerAndKeepWhatIsAcknowledged) {
  const Ended shown =
      RunToEnd({"sh", "-c",
                absl::StrCat("PATH=$PATH:/usr/sbin exec mariadbd --defaults-file=", DEPLOY_MYSQL,
                             "/tessera.cnf --verbose --help")});
  EXPECT_EQ(shown.status, 0) << shown.output.substr(0, 1000);
  for (const char* setting :
       {"innodb-flush-log-at-trx-commit +1", "sync-binlog +1", "binlog-format +ROW",
        "require-secure-transport +TRUE", "local-infile +FALSE", "general-log +FALSE",
        "slow-query-log +FALSE"}) {
    EXPECT_THAT(shown.output, ContainsRegex(absl::StrCat("\n", setting, "\n")));
  }
}

// A database that is away when tesserad starts.
class StartWithoutTheDatabase : public ::testing::Test {
 protected:
  void Launch(std::vector<std::string> environment) {
    server_.Stop();
    Tesserad::Options options;
    options.installation = std::make_shared<const Installation>(database_);
    options.environment = std::move(environment);
    tesserad_ = std::make_unique<Tesserad>(std::move(options));
    tesserad_->Launch();
  }

  MariaDb server_;
  MariaDbDatabase database_{server_};
  std::unique_ptr<Tesserad> tesserad_;
};

TEST_F(StartWithoutTheDatabase, WaitsAndServesOnceItIsThere) {
  ASSERT_NO_FATAL_FAILURE(Launch({"TESSERA_STORAGE_WAIT_AT_START=10m"}));
  EXPECT_NE(tesserad_->program().WaitForLine("storage.away", kLimit), "");
  server_.Start();
  ASSERT_NO_FATAL_FAILURE(tesserad_->AwaitReady());
  EXPECT_THAT(tesserad_->program().Output(), HasSubstr("storage.reached"));
  EXPECT_NE(tesserad_->LoginAdmin().access_token(), "");
  tesserad_->Stop();
}

TEST_F(StartWithoutTheDatabase, GivesUpAfterItsPatienceAndSaysWhy) {
  ASSERT_NO_FATAL_FAILURE(Launch({"TESSERA_STORAGE_WAIT_AT_START=1s"}));
  EXPECT_NE(tesserad_->program().WaitForLine("server.failed", kLimit), "");
  EXPECT_EQ(tesserad_->program().Wait(kLimit), 1);
  EXPECT_THAT(tesserad_->program().Output(),
              AllOf(HasSubstr("server.failed"), HasSubstr("cannot open the database"),
                    Not(HasSubstr(database_.password()))));
}

TEST_F(StartWithoutTheDatabase, EndsInOrderWhenItIsAskedToWhileItWaits) {
  ASSERT_NO_FATAL_FAILURE(Launch({"TESSERA_STORAGE_WAIT_AT_START=10m"}));
  EXPECT_NE(tesserad_->program().WaitForLine("storage.away", kLimit), "");
  tesserad_->Stop();
}

}  // namespace
}  // namespace tessera::testing
