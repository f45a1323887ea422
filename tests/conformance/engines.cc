#include "storage/sql/sqlite_store.h"
#include "tests/base/temporary_folder.h"
#include "tests/conformance/conformance.h"

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

}  // namespace

std::vector<EngineUnderTest> Engines() {
  return {{"Sqlite", [] { return std::make_unique<SqliteDatabase>(); }}};
}

}  // namespace tessera::storage
