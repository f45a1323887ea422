#include "tests/e2e/servers.h"

#include "tests/base/free_port.h"

namespace tessera::testing {
namespace {

constexpr int kReplicas = 2;

}  // namespace

void Servers::StartServers(const std::vector<std::string>& environment) {
  servers_.clear();
  const bool replicated = GetParam() == TestEngine::kMariaDb;
  if (replicated) database_ = std::make_unique<MariaDbDatabase>(MariaDb::Shared());
  Tesserad::Options options;
  options.installation =
      replicated ? std::make_shared<Installation>(*database_) : std::make_shared<Installation>();
  options.environment = environment;
  for (int i = 0; i < (replicated ? kReplicas : 1); ++i) {
    options.port = FreePort();
    servers_.push_back(std::make_unique<Tesserad>(options));
    ASSERT_NO_FATAL_FAILURE(servers_.back()->Start());
  }
}

std::string EngineName(const ::testing::TestParamInfo<TestEngine>& each) {
  return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
}

}  // namespace tessera::testing
