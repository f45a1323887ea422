// The private server itself: what the tests on it rely on.
#include "tests/mariadb/mariadb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;

TEST(MariaDbTest, SqlGivesRowsTabSeparatedAndFailsInTheServersWords) {
  MariaDb& server = MariaDb::Shared();
  EXPECT_EQ(server.Sql("SELECT 1, NULL; SELECT 'a' UNION SELECT 'b'"), "1\tNULL\na\nb\n");
  try {
    server.Sql("SELECT 1; SELECT nonsense");
    FAIL() << "no error";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("nonsense"));
  }
}

TEST(MariaDbTest, CommitsAreSynced) {
  EXPECT_EQ(MariaDb::Shared().Sql("SELECT @@innodb_flush_log_at_trx_commit"), "1\n");
}

TEST(MariaDbTest, NobodyEntersWithoutAPassword) {
  EXPECT_EQ(MariaDb::Shared().Sql("SELECT User, Host FROM mysql.global_priv"
                                  " WHERE User NOT LIKE 't\\_%' ORDER BY User"),
            "mariadb.sys\tlocalhost\nroot\tlocalhost\n");
}

TEST(MariaDbTest, AccountMayWorkInItsOwnDatabaseAlone) {
  MariaDbDatabase mine(MariaDb::Shared());
  const std::string grants =
      mine.Sql(absl::StrCat("SHOW GRANTS FOR '", mine.user(), "'@'127.0.0.1'"));
  EXPECT_THAT(grants, HasSubstr("GRANT USAGE ON *.*"));
  EXPECT_THAT(grants, HasSubstr("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, REFERENCES, INDEX, "
                                "ALTER ON `t\\_"));
}

TEST(MariaDbTest, DatabaseGoesWithItsAccount) {
  MariaDb& server = MariaDb::Shared();
  std::string name;
  {
    MariaDbDatabase database(server);
    name = database.name();
    database.Sql("CREATE TABLE t (id BIGINT PRIMARY KEY)");
  }
  EXPECT_EQ(server.Sql("SHOW DATABASES LIKE '" + name + "'"), "");
  EXPECT_EQ(server.Sql("SELECT User FROM mysql.global_priv WHERE User = '" + name + "'"), "");
}

TEST(MariaDbTest, KeepsPortAndDataOverStopAndKill) {
  std::string folder;
  {
    MariaDb server;
    folder = server.folder();
    const int port = server.port();
    server.Sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id BIGINT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    server.Stop();
    EXPECT_THROW(server.Sql("SELECT 1"), std::runtime_error);
    server.Start();
    server.Sql("INSERT INTO d.t VALUES (2)");
    server.KillHard();
    server.Start();
    EXPECT_EQ(server.Sql("SELECT id FROM d.t ORDER BY id"), "1\n2\n");
    EXPECT_EQ(server.port(), port);
    server.Pause();
    server.Resume();
    EXPECT_EQ(server.Sql("SELECT 1"), "1\n");
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(MariaDbTest, WithTlsAccountsNeedIt) {
  MariaDb server({.tls = true, .arguments = {}, .run_under = {}});
  MariaDbDatabase database(server);
  EXPECT_TRUE(std::filesystem::exists(database.options().tls_ca));
  EXPECT_EQ(server.Sql("SELECT @@have_ssl"), "YES\n");
  EXPECT_THAT(server.Sql(absl::StrCat("SHOW CREATE USER '", database.user(), "'@'127.0.0.1'")),
              HasSubstr("REQUIRE SSL"));
}

}  // namespace
}  // namespace tessera::testing
