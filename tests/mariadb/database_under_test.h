// The database that a test of the server stands on. Every such test runs on each engine: ctest
// starts its program once for each (BOTH_ENGINES in tests/CMakeLists.txt).
#ifndef TESSERA_TESTS_MARIADB_DATABASE_UNDER_TEST_H_
#define TESSERA_TESTS_MARIADB_DATABASE_UNDER_TEST_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {

enum class TestEngine { kSqlite, kMariaDb };

// The environment variable that names the engine: `sqlite`, also if it is not set, or `mariadb`.
inline constexpr char kTestEngineVariable[] = "TESSERA_TEST_ENGINE";
// Throws std::runtime_error for another name.
TestEngine EngineUnderTest();

// Empty at first; goes away with all its data. What fails throws std::runtime_error.
class DatabaseUnderTest {
 public:
  explicit DatabaseUnderTest(TestEngine engine = EngineUnderTest());

  // A store on it, its schema up to date. On SQLite one at a time; on MariaDB several may be open
  // at once, as those of replicas are.
  absl::StatusOr<std::unique_ptr<storage::Store>> Open(const Clock& clock, LogSink& log,
                                                       int connections = 4);
  bool HoldsReplicas() const { return mariadb_.has_value(); }

  // For a configuration: `storage.url` and `storage.password_file` (empty if there is none).
  std::string url() const;
  std::string password_file() const;
  // SQLite's file.
  std::string path() const { return folder_.Path("tessera.db"); }
  // Null on SQLite.
  MariaDbDatabase* mariadb() { return mariadb_.has_value() ? &*mariadb_ : nullptr; }

 private:
  const TemporaryFolder folder_;
  std::optional<MariaDbDatabase> mariadb_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_MARIADB_DATABASE_UNDER_TEST_H_
