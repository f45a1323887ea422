#include "tests/mariadb/database_under_test.h"

#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "storage/sql/mysql_store.h"
#include "storage/sql/sqlite_store.h"

namespace tessera::testing {

TestEngine EngineUnderTest() {
  const char* const name = std::getenv(kTestEngineVariable);
  if (name == nullptr || std::string_view(name) == "sqlite") return TestEngine::kSqlite;
  if (std::string_view(name) == "mariadb") return TestEngine::kMariaDb;
  throw std::runtime_error(std::string(kTestEngineVariable) + " names no engine: " + name);
}

DatabaseUnderTest::DatabaseUnderTest(TestEngine engine) {
  if (engine == TestEngine::kSqlite) return;
  mariadb_.emplace(MariaDb::Shared());
  folder_.Write("password", mariadb_->password());
}

absl::StatusOr<std::unique_ptr<storage::Store>> DatabaseUnderTest::Open(const Clock& clock,
                                                                        LogSink& log,
                                                                        int connections) {
  if (!mariadb_.has_value()) return storage::OpenSqliteStore({path(), connections}, clock, log);
  storage::MysqlOptions options = mariadb_->options();
  options.connections = connections;
  return storage::OpenMysqlStore(std::move(options), clock, log);
}

std::string DatabaseUnderTest::url() const {
  return mariadb_.has_value() ? mariadb_->url() : "sqlite:" + path();
}

std::string DatabaseUnderTest::password_file() const {
  return mariadb_.has_value() ? folder_.Path("password") : "";
}

}  // namespace tessera::testing
