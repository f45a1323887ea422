#include "tests/bench/database.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/server.h"
#include "storage/sql/mysql_store.h"
#include "storage/sql/sqlite_store.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::bench {
namespace {

std::unique_ptr<storage::Store> Opened(absl::StatusOr<std::unique_ptr<storage::Store>> store) {
  if (!store.ok()) throw std::runtime_error(store.status().ToString());
  return *std::move(store);
}

class SqliteDatabase final : public Database {
 public:
  std::string Config() const override { return absl::StrCat("url = \"sqlite:", Path(), "\"\n"); }
  std::unique_ptr<storage::Store> Open() const override {
    return Opened(storage::OpenSqliteStore({.path = Path()}, SystemClock(), NoLog()));
  }
  std::unique_ptr<BareConnection> Connect() const override { return ConnectSqlite(Path()); }

 private:
  std::string Path() const { return folder_.Path("tessera.db"); }

  const testing::TemporaryFolder folder_;
};

class MariaDbDatabase final : public Database {
 public:
  explicit MariaDbDatabase(testing::MariaDb& server) : database_(server) {
    folder_.Write("password", database_.password());
  }

  std::string Config() const override {
    return absl::StrCat("url = \"", database_.url(), "\"\npassword_file = \"",
                        folder_.Path("password"), "\"\n");
  }
  std::unique_ptr<storage::Store> Open() const override {
    return Opened(storage::OpenMysqlStore(database_.options(), SystemClock(), NoLog()));
  }
  std::unique_ptr<BareConnection> Connect() const override {
    const storage::MysqlOptions to = database_.options();
    return ConnectMariaDb(
        {to.host, to.port, to.user, std::string(to.password.Reveal()), to.database});
  }

 private:
  const testing::TemporaryFolder folder_;
  testing::MariaDbDatabase database_;
};

// With a server of its own, whose files are on the disk.
class MariaDbOnDisk final : public Database {
 public:
  std::string Config() const override { return database_.Config(); }
  std::unique_ptr<storage::Store> Open() const override { return database_.Open(); }
  std::unique_ptr<BareConnection> Connect() const override { return database_.Connect(); }

 private:
  static testing::MariaDb::Options OnDisk() {
    testing::MariaDb::Options options;
    options.on_disk = true;
    return options;
  }

  testing::MariaDb server_{OnDisk()};
  const MariaDbDatabase database_{server_};
};

}  // namespace

std::unique_ptr<Database> MakeMariaDbOnDisk() { return std::make_unique<MariaDbOnDisk>(); }
std::unique_ptr<Database> MakeSqlite() { return std::make_unique<SqliteDatabase>(); }
std::unique_ptr<Database> MakeMariaDb() {
  return std::make_unique<MariaDbDatabase>(testing::MariaDb::Shared());
}

std::string ExpiredSessionsSql(const std::string& id, const std::string& user, int64_t first,
                               int64_t count) {
  const int64_t ended = absl::ToUnixMicros(SystemClock().Now() - absl::Hours(24 * 40));
  return absl::StrCat(
      "INSERT INTO sessions (id, user_id, user_version, generation, mac_kid, audience, created_at,"
      " auth_time, rotated_at, access_until, idle_expires_at, expires_at, ends_at)"
      " WITH RECURSIVE numbers (i) AS (SELECT ",
      first, " UNION ALL SELECT i + 1 FROM numbers WHERE i < ", first + count - 1, ") SELECT ", id,
      ", '", user, "', 1, 1, 'mac', 'bench', ", ended, ", ", ended, ", ", ended, ", ", ended, ", ",
      ended, ", ", ended, ", ", ended, " + i FROM numbers");
}

// SQLite has one writer, whoever asks; on MariaDB each thread of the urgent lane has a connection.
std::vector<Engine> Engines() {
  return {{"SQLite", MakeSqlite, false, 1}, {"MariaDB", MakeMariaDb, true, server::kUrgentThreads}};
}

}  // namespace tessera::bench
