// Users, their roles and files of them from the command line, with real processes: on SQLite with
// one server, on MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class UsersByCommand : public Servers {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        StartServers({"TESSERA_REGISTRATION_ENABLED=true", "TESSERA_USERS_INITIAL_ROLES=member"}));
    ASSERT_EQ(LogIn("admin", Tesserad::kAdminPassword, "admin").code, 0);
  }

  // One run of the program in the folder of `whose` context.
  Program::Ran Run(const std::string& whose, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {TESSERA_PROGRAM, "--server", here().address(), "--plaintext"});
    return Program::Run(arguments, {"TESSERACTL_CONFIG_DIR=" + folder_.Path("config-" + whose)});
  }
  Program::Ran Admin(std::vector<std::string> arguments) {
    return Run("admin", std::move(arguments));
  }
  Program::Ran LogIn(const std::string& name, const std::string& password,
                     const std::string& whose) {
    return Run(whose, {"login", "--username", name, "--password-file",
                       folder_.Write("password-" + whose, password + "\n")});
  }

  TemporaryFolder folder_;
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
  const Program::Ran dry = Admin({"user", "import", file, "--dry-run"});
  EXPECT_EQ(dry.code, 8) << dry.output;
  const Program::Ran ran = Admin({"user", "import", file});
  EXPECT_EQ(ran.code, 8) << ran.output;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("line 4: joan: EMAIL_TAKEN"),
                                HasSubstr("line 5: mary: FIELD_INVALID"),
                                HasSubstr("Added 2 users, skipped 0, failed 2")));
  EXPECT_EQ(LogIn("ada", "correct horse battery", "ada").code, 0);
  EXPECT_EQ(LogIn("grace", "U*U", "grace").code, 0);
  EXPECT_NE(LogIn("grace", "U*V", "nobody").code, 0);
  EXPECT_NE(there().Login("ada", "correct horse battery").access_token(), "");  // upgraded by now
  const Program::Ran roles = Admin({"role", "lookup", "ada"});
  EXPECT_THAT(roles.output, AllOf(HasSubstr("member"), HasSubstr("tessera.guard")));
  const Program::Ran again = Admin({"user", "import", file, "--skip-existing", "--from-line", "3"});
  EXPECT_THAT(again.output, HasSubstr("Added 0 users, skipped 1, failed 2"));
}

TEST_P(UsersByCommand, AreCreatedListedChangedAndExported) {
  const std::string password = folder_.Write("pw", "a plain user's password\n");
  for (int i = 0; i < 2; ++i) {  // the second is the first's repetition
    const Program::Ran made = Admin({"user", "create", "\u00c5sa", "--email", "Asa@example.org",
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
  const Program::Ran exported = Admin({"user", "export", "--output", out, "--memberships"});
  EXPECT_EQ(exported.code, 0) << exported.output;
  EXPECT_THAT(
      folder_.Read("export.jsonl"),
      AllOf(HasSubstr(R"({"username":"\u00e5sa","email":"other@example.org","state":"disabled",)"
                      R"("roles":["member"],"groups":[]})"),
            Not(HasSubstr("argon2"))));
  EXPECT_EQ(Admin({"user", "enable", "\u00e5sa"}).code, 0);
  EXPECT_EQ(LogIn("\u00c5SA", "a plain user's password", "asa").code, 0);
}

TEST_P(UsersByCommand, RegisterThemselves) {
  const std::string password = folder_.Write("pw", "a plain user's password\n");
  const Program::Ran made = Run("ada", {"user", "register", "ada", "--password-file", password});
  EXPECT_EQ(made.code, 0) << made.output;
  EXPECT_EQ(LogIn("ada", "a plain user's password", "ada").code, 0);
  EXPECT_THAT(Run("ada", {"whoami"}).output, HasSubstr("member"));
  EXPECT_EQ(Run("ada", {"user", "list"}).code, 4);
  EXPECT_EQ(Run("eve", {"user", "register", "ADA", "--password-file", password}).code, 6);
}

// What the export says of this user, a line of it.
std::string LineOf(const std::string& name, const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StrContains(line, name)) return std::string(line);
  }
  return "";
}

TEST_P(UsersByCommand, AreChangedAndDeletedOnlyAsTheyWereRead) {
  const std::string password = folder_.Write("pw", "a plain user's password\n");
  ASSERT_EQ(Admin({"user", "create", "ada", "--password-file", password}).code, 0);
  ASSERT_EQ(LogIn("ada", "a plain user's password", "ada").code, 0);
  const auto etag = [&] {
    const Program::Ran read = Admin({"user", "get", "ada", "--json"});
    EXPECT_EQ(read.code, 0) << read.output;
    return nlohmann::json::parse(read.output)["user"]["etag"].get<std::string>();
  };
  const std::string read_at_first = etag();
  EXPECT_EQ(Admin({"user", "update", "ada", "--display-name", "Ada", "--etag", read_at_first}).code,
            0);
  // Somebody else has changed her since.
  const Program::Ran late =
      Admin({"user", "update", "ada", "--display-name", "A", "--etag", read_at_first, "--json"});
  EXPECT_EQ(late.code, 6);
  EXPECT_THAT(late.output, AllOf(HasSubstr(R"("code":"ABORTED")"), HasSubstr("ETAG_MISMATCH")));
  const Program::Ran kept = Admin({"user", "delete", "ada", "--yes", "--etag", read_at_first});
  EXPECT_EQ(kept.code, 6);
  EXPECT_THAT(kept.output, HasSubstr("ETAG_MISMATCH"));
  EXPECT_THAT(Admin({"user", "get", "ada"}).output, HasSubstr("Ada"));
  EXPECT_EQ(Run("ada", {"whoami"}).code, 0);

  const Program::Ran deleted = Admin({"user", "delete", "ada", "--yes", "--etag", etag()});
  EXPECT_EQ(deleted.code, 0);
  EXPECT_THAT(deleted.output, HasSubstr("Deleted ada (usr_"));
  EXPECT_EQ(Run("ada", {"whoami"}).code, 3) << "her session has ended";
  EXPECT_EQ(LogIn("ada", "a plain user's password", "ada").code, 3);
  EXPECT_EQ(Admin({"user", "get", "ada"}).code, 5);
  EXPECT_EQ(Admin({"user", "delete", "ada", "--yes"}).code, 5);
}

TEST_P(UsersByCommand, GetLoseAndAreAskedForRolesByTheirAddress) {
  const std::string password = folder_.Write("pw", "a plain user's password\n");
  ASSERT_EQ(
      Admin({"user", "create", "ada", "--email", "ada@example.org", "--password-file", password})
          .code,
      0);
  const auto check = [&](const std::string& role, const std::string& address) {
    return Admin({"role", "check", role, address, "--by-email"});
  };
  const auto lookup = [&](const std::string& address) {
    const Program::Ran ran = Admin({"role", "lookup", address, "--by-email"});
    EXPECT_EQ(ran.code, 0) << ran.output;
    return ran.output;
  };
  ASSERT_EQ(Admin({"role", "create", "orders.admin", "--audience", "orders"}).code, 0);
  EXPECT_EQ(Admin({"role", "create", "orders.admin"}).code, 6);
  EXPECT_THAT(Admin({"role", "list"}).output,
              AllOf(HasSubstr("orders.admin"), HasSubstr("tessera.admin"), HasSubstr("member")));
  EXPECT_EQ(check("orders.admin", "ada@example.org").code, 4);
  ASSERT_EQ(Admin({"role", "grant", "orders.admin", "ada"}).code, 0);
  EXPECT_EQ(check("orders.admin", "ADA@example.org").code, 0);
  EXPECT_THAT(lookup("ada@example.org"), AllOf(HasSubstr("orders.admin"), HasSubstr("usr_")));

  const Program::Ran taken = Admin({"role", "revoke", "orders.admin", "ada"});
  EXPECT_EQ(taken.code, 0);
  EXPECT_THAT(taken.output, HasSubstr("ada does not hold orders.admin"));
  EXPECT_EQ(Admin({"role", "revoke", "orders.admin", "ada"}).code, 0) << "repeated";
  EXPECT_EQ(Admin({"role", "revoke", "none", "ada"}).code, 5);
  EXPECT_EQ(Admin({"role", "revoke", "orders.admin", "grace"}).code, 5);
  EXPECT_EQ(check("orders.admin", "ada@example.org").code, 4);
  EXPECT_THAT(lookup("nobody@example.org"), HasSubstr("no_one"));
  EXPECT_EQ(check("orders.admin", "nobody@example.org").code, 4);
  EXPECT_EQ(check("none", "ada@example.org").code, 5);

  ASSERT_EQ(Admin({"role", "grant", "orders.admin", "ada"}).code, 0);
  EXPECT_EQ(Admin({"role", "delete", "tessera.admin", "--yes"}).code, 6);
  EXPECT_EQ(Run("ada", {"role", "delete", "orders.admin", "--yes"}).code, 3) << "nobody's context";
  ASSERT_EQ(LogIn("ada", "a plain user's password", "ada").code, 0);
  EXPECT_EQ(Run("ada", {"role", "delete", "orders.admin", "--yes"}).code, 4) << "no administrator";
  const Program::Ran deleted = Admin({"role", "delete", "orders.admin", "--yes"});
  EXPECT_EQ(deleted.code, 0);
  EXPECT_THAT(deleted.output, HasSubstr("Deleted role orders.admin and its grants."));
  EXPECT_THAT(Admin({"role", "list"}).output, Not(HasSubstr("orders.admin")));
  EXPECT_THAT(lookup("ada@example.org"), Not(HasSubstr("orders.admin")));
  EXPECT_EQ(Admin({"role", "delete", "orders.admin", "--yes"}).code, 5);
}

// With everything that a file can say, into groups that are there, and out again.
class UserFilesByCommand : public UsersByCommand {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(UsersByCommand::SetUp());
    ASSERT_EQ(Admin({"role", "create", "orders.admin"}).code, 0);
    for (const char* group : {"buyers", "sellers"}) {
      ASSERT_EQ(Admin({"group", "create", group}).code, 0);
    }
  }
  // bcrypt's hash is of crypt_blowfish's vectors.
  Program::Ran ImportAdaAndGrace() {
    const std::string file = folder_.Write(
        "users.jsonl",
        R"js({"username":"ada","email":"ada@example.org","display_name":"=Ada, \"the first\"",)js"
        R"js("attributes":{"team":"a b","desk":"7"},"roles":["orders.admin"],)js"
        R"js("groups":["buyers","sellers"],)js"
        R"js("password_hash":"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"})js"
        "\n"
        R"js({"username":"grace","state":"disabled","groups":["buyers"]})js"
        "\n"
        R"js({"username":"joan","groups":["nobodys"]})js"
        "\n"
        R"js({"username":"mary","groups":"buyers"})js"
        "\n");
    return Admin({"user", "import", file});
  }
  // The new file's text.
  std::string Export(const std::string& name) {
    const Program::Ran ran =
        Admin({"user", "export", "--output", folder_.Path(name), "--memberships"});
    EXPECT_EQ(ran.code, 0) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("Wrote 3 users"));
    EXPECT_EQ(ModeOf(folder_.Path(name)), 0600u);
    return folder_.Read(name);
  }
  void DeleteAdaAndGrace() {
    for (const char* name : {"ada", "grace"}) {
      ASSERT_EQ(Admin({"user", "delete", name, "--yes"}).code, 0);
    }
  }
};

TEST_P(UserFilesByCommand, OfJsonLinesPutUsersIntoTheirGroups) {
  const Program::Ran ran = ImportAdaAndGrace();
  EXPECT_EQ(ran.code, 8) << ran.output;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("line 3: joan: GROUP_NOT_FOUND"),
                                HasSubstr("line 4: mary: FIELD_INVALID"),
                                HasSubstr("Added 2 users, skipped 0, failed 2")));
  EXPECT_THAT(Admin({"group", "members", "buyers"}).output,
              AllOf(HasSubstr("ada"), HasSubstr("grace")));
  EXPECT_THAT(Admin({"group", "members", "sellers"}).output,
              AllOf(HasSubstr("ada"), Not(HasSubstr("grace"))));
  EXPECT_EQ(Admin({"role", "check", "orders.admin", "ada"}).code, 0);
  EXPECT_EQ(LogIn("ada", "U*U", "ada").code, 0);
  EXPECT_EQ(LogIn("grace", "U*U", "grace").code, 3) << "disabled, and without a password";
  EXPECT_EQ(Admin({"user", "get", "joan"}).code, 5);
}

TEST_P(UserFilesByCommand, ComeBackAsTheyWentOutInBothFormats) {
  ASSERT_EQ(ImportAdaAndGrace().code, 8);
  const std::string lines = Export("first.jsonl"), csv = Export("first.csv");
  EXPECT_THAT(csv, HasSubstr("username,email,display_name,state,roles,groups,attribute.desk,"
                             "attribute.team"));
  EXPECT_THAT(LineOf("ada@", csv), HasSubstr(R"(ada,ada@example.org,"'=Ada, ""the first""",active,)"
                                             R"(member orders.admin,buyers sellers,7,a b)"));
  EXPECT_THAT(LineOf("grace", csv), HasSubstr("grace,,,disabled,member,buyers,,"));
  EXPECT_THAT(LineOf("grace", lines),
              HasSubstr(R"({"username":"grace","state":"disabled","roles":["member"],)"
                        R"("groups":["buyers"]})"));
  EXPECT_THAT(lines + csv, Not(HasSubstr("$2a$")));
  EXPECT_EQ(Admin({"user", "export", "--output", folder_.Path("first.csv")}).code, 2)
      << "never in place of a file";

  for (const char* format : {"csv", "jsonl"}) {
    ASSERT_NO_FATAL_FAILURE(DeleteAdaAndGrace());
    const std::string file = folder_.Path(std::string("first.") + format);
    const Program::Ran dry = Admin({"user", "import", file, "--dry-run", "--skip-existing"});
    EXPECT_EQ(dry.code, 0) << dry.output;
    EXPECT_THAT(dry.output, HasSubstr("Would add 2 users, skipped 1, failed 0"));
    const Program::Ran back = Admin({"user", "import", file, "--skip-existing"});
    EXPECT_EQ(back.code, 0) << back.output;
    EXPECT_THAT(back.output, HasSubstr("Added 2 users, skipped 1, failed 0"));
    EXPECT_EQ(Export(std::string("again-from-") + format + ".jsonl"), lines);
    EXPECT_EQ(Export(std::string("again-from-") + format + ".csv"), csv);
    EXPECT_EQ(LogIn("ada", "U*U", "ada").code, 3) << "passwords do not come back";
  }
}

INSTANTIATE_TEST_SUITE_P(On, UsersByCommand, BothEngines(), EngineName);
INSTANTIATE_TEST_SUITE_P(On, UserFilesByCommand, BothEngines(), EngineName);

}  // namespace
}  // namespace tessera::testing
