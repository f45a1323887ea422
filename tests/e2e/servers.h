// What a test with both engines stands on: on SQLite one tesserad, on MariaDB two on one database,
// so that what is done at the one is noticed at the other.
#ifndef TESSERA_TESTS_E2E_SERVERS_H_
#define TESSERA_TESTS_E2E_SERVERS_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {

class Servers : public ::testing::TestWithParam<TestEngine> {
 protected:
  // On an empty database, in place of those that run; each with this environment.
  void StartServers(const std::vector<std::string>& environment = {});

  // Where things are done, and where they are noticed; on SQLite the same.
  Tesserad& here() { return *servers_.front(); }
  Tesserad& there() { return *servers_.back(); }

  std::unique_ptr<MariaDbDatabase> database_;  // null: SQLite
  std::vector<std::unique_ptr<Tesserad>> servers_;
};

inline auto BothEngines() { return ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb); }
// `Sqlite`, `MariaDb`.
std::string EngineName(const ::testing::TestParamInfo<TestEngine>& each);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_SERVERS_H_
