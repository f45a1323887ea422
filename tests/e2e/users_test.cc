// Users from the command line, with real processes: on SQLite with one server, on MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/base/free_port.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Minutes(2);

enum class On { kSqlite, kMariaDb };

struct Ran {
  int code = -1;
  std::string output;
};

class UsersByCommand : public ::testing::TestWithParam<On> {
 protected:
  void SetUp() override {
    if (GetParam() == On::kMariaDb) {
      database_ = std::make_unique<MariaDbDatabase>(MariaDb::Shared());
    }
    const auto installation = database_ == nullptr ? std::make_shared<Installation>()
                                                   : std::make_shared<Installation>(*database_);
    for (int i = 0; i < (database_ == nullptr ? 1 : 2); ++i) {
      Tesserad::Options options;
      options.installation = installation;
      options.port = FreePort();
      options.environment = {"TESSERA_REGISTRATION_ENABLED=true",
                             "TESSERA_USERS_INITIAL_ROLES=member"};
      servers_.push_back(std::make_unique<Tesserad>(options));
      ASSERT_NO_FATAL_FAILURE(servers_.back()->Start());
    }
    ASSERT_EQ(LogIn("admin", Tesserad::kAdminPassword, "admin").code, 0);
  }
  Tesserad& here() { return *servers_.front(); }
  Tesserad& there() { return *servers_.back(); }

  // One run of the program in the folder of `whose` context.
  Ran Run(const std::string& whose, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {TESSERA_PROGRAM, "--server", here().address(), "--plaintext"});
    const auto program =
        Program::Start(arguments, {"TESSERACTL_CONFIG_DIR=" + folder_.Path("config-" + whose)});
    if (program == nullptr) return {};
    const int code = program->Wait(kPatience);
    return {code, program->Output()};
  }
  Ran Admin(std::vector<std::string> arguments) { return Run("admin", std::move(arguments)); }
  Ran LogIn(const std::string& name, const std::string& password, const std::string& whose) {
    return Run(whose, {"login", "--username", name, "--password-file",
                       folder_.Write("password-" + whose, password + "\n")});
  }

  TemporaryFolder folder_;
  std::unique_ptr<MariaDbDatabase> database_;
  std::vector<std::unique_ptr<Tesserad>> servers_;
};

TEST_P(UsersByCommand, AreImportedWithTheHashesOfOtherSystemsAndLogIn) {
  // bcrypt's is of crypt_blowfish's vectors, PBKDF2's made with Python's hashlib.
  const std::string file =
      folder_.Write("users.csv",
                    "username,email,password_hash,roles\n"
                    "Ada,ada@example.org,$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$"
                    "HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M,tessera.guard\n"
                    "grace,grace@example.org,$2a$05$CCCCCCCCCCCCCCCCCCCCC."
                    "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW,\n"
                    "joan,ADA@example.org,,\n"
                    "mary,,not a hash,\n");
  const Ran dry = Admin({"user", "import", file, "--dry-run"});
  EXPECT_EQ(dry.code, 8) << dry.output;
  const Ran ran = Admin({"user", "import", file});
  EXPECT_EQ(ran.code, 8) << ran.output;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("line 4: joan: EMAIL_TAKEN"),
                                HasSubstr("line 5: mary: FIELD_INVALID"),
                                HasSubstr("Added 2 users, skipped 0, failed 2")));
  EXPECT_EQ(LogIn("ada", "correct horse battery", "ada").code, 0);
  EXPECT_EQ(LogIn("grace", "U*U", "grace").code, 0);
  EXPECT_NE(LogIn("grace", "U*V", "nobody").code, 0);
  EXPECT_NE(there().Login("ada", "correct horse battery").access_token(), "");  // upgraded by now
  const Ran roles = Admin({"role", "lookup", "ada"});
  EXPECT_THAT(roles.output, AllOf(HasSubstr("member"), HasSubstr("tessera.guard")));
  const Ran again = Admin({"user", "import", file, "--skip-existing", "--from-line", "3"});
  EXPECT_THAT(again.output, HasSubstr("Added 0 users, skipped 1, failed 2"));
}

TEST_P(UsersByCommand, AreCreatedListedChangedAndExported) {
  const std::string password = folder_.Write("pw", "a plain user's password\n");
  for (int i = 0; i < 2; ++i) {  // the second is the first's repetition
    const Ran made = Admin({"user", "create", "\u00c5sa", "--email", "Asa@example.org",
                            "--request-id", "r-1", "--password-file", password});
    EXPECT_EQ(made.code, 0) << made.output;
    EXPECT_THAT(made.output, AllOf(HasSubstr("\u00e5sa"), HasSubstr("Asa@example.org")));
  }
  EXPECT_EQ(
      Admin({"user", "create", "grace", "--request-id", "r-1", "--password-file", password}).code,
      6);
  EXPECT_EQ(Admin({"user", "get", "ASA@example.org", "--by-email"}).code, 0);
  EXPECT_EQ(Admin({"user", "update", "A\u030asa", "--email", "other@example.org"}).code, 0);
  EXPECT_EQ(Admin({"user", "get", "asa@example.org", "--by-email"}).code, 5);
  EXPECT_EQ(Admin({"user", "disable", "\u00e5sa"}).code, 0);
  EXPECT_EQ(LogIn("\u00e5sa", "a plain user's password", "asa").code, 3);
  EXPECT_THAT(
      Admin({"user", "list", "--prefix", "A\u030a", "--role", "member", "--state", "disabled"})
          .output,
      AllOf(HasSubstr("\u00e5sa"), Not(HasSubstr("admin"))));
  const std::string out = folder_.Path("export.jsonl");
  const Ran exported = Admin({"user", "export", "--output", out, "--memberships"});
  EXPECT_EQ(exported.code, 0) << exported.output;
  EXPECT_THAT(folder_.Read("export.jsonl"),
              AllOf(HasSubstr(R"({"username":"åsa","email":"other@example.org","state":"disabled",)"
                              R"("roles":["member"],"groups":[]})"),
                    Not(HasSubstr("argon2"))));
  EXPECT_EQ(Admin({"user", "enable", "\u00e5sa"}).code, 0);
  EXPECT_EQ(LogIn("\u00c5SA", "a plain user's password", "asa").code, 0);
}

TEST_P(UsersByCommand, RegisterThemselves) {
  const std::string password = folder_.Write("pw", "a plain user's password\n");
  const Ran made = Run("ada", {"user", "register", "ada", "--password-file", password});
  EXPECT_EQ(made.code, 0) << made.output;
  EXPECT_EQ(LogIn("ada", "a plain user's password", "ada").code, 0);
  EXPECT_THAT(Run("ada", {"whoami"}).output, HasSubstr("member"));
  EXPECT_EQ(Run("ada", {"user", "list"}).code, 4);
  EXPECT_EQ(Run("eve", {"user", "register", "ADA", "--password-file", password}).code, 6);
}

std::string NameOf(const ::testing::TestParamInfo<On>& engine) {
  return engine.param == On::kSqlite ? "sqlite" : "mariadb";
}
INSTANTIATE_TEST_SUITE_P(Engines, UsersByCommand, ::testing::Values(On::kSqlite, On::kMariaDb),
                         NameOf);

}  // namespace
}  // namespace tessera::testing
