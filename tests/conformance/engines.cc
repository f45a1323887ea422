#include "storage/sql/mysql_store.h"
#include "storage/sql/sqlite_store.h"
#include "tests/base/temporary_folder.h"
#include "tests/conformance/conformance.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::storage {
namespace {

class SqliteDatabase final : public TestDatabase {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open(const Clock& clock) override {
    return OpenSqliteStore({.path = folder_.Path("test.db")}, clock, NoLog());
  }

 private:
  testing::TemporaryFolder folder_;
};

class MariaDbEngine final : public TestDatabase {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open(const Clock& clock) override {
    MysqlOptions options = database_.options();
    options.connections = 8;
    return OpenMysqlStore(std::move(options), clock, NoLog());
  }

 private:
  testing::MariaDbDatabase database_{testing::MariaDb::Shared()};
};

}  // namespace

std::vector<EngineUnderTest> Engines() {
  return {{"Sqlite", [] { return std::make_unique<SqliteDatabase>(); }},
          {"MariaDb", [] { return std::make_unique<MariaDbEngine>(); }}};
}

}  // namespace tessera::storage
