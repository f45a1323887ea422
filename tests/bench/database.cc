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
  MariaDbDatabase() : database_(testing::MariaDb::Shared()) {
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

}  // namespace

std::unique_ptr<Database> MakeSqlite() { return std::make_unique<SqliteDatabase>(); }
std::unique_ptr<Database> MakeMariaDb() { return std::make_unique<MariaDbDatabase>(); }

// SQLite has one writer, whoever asks; on MariaDB each thread of the urgent lane has a connection.
std::vector<Engine> Engines() {
  return {{"SQLite", MakeSqlite, false, 1}, {"MariaDB", MakeMariaDb, true, server::kUrgentThreads}};
}

}  // namespace tessera::bench
