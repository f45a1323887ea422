// The drills' own eyes: what is taken out of the database behind the server's back is missed.
#include "tests/drills/ledger_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <ostream>
#include <string>
#include <thread>

#include "tests/drills/ledger_client.h"
#include "tests/drills/pulse.h"
#include "tests/drills/servers.h"
#include "tests/e2e/tesserad.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Loss {
  std::string name, sql, complaint;
  friend std::ostream& operator<<(std::ostream& out, const Loss& loss) { return out << loss.name; }
};

class LedgerComparisonOf : public ::testing::TestWithParam<Loss> {
 protected:
  LedgerComparisonOf() : server_(Tesserad::Options()) {}

  static bool HoldsOfEach(const Ledger& ledger) {
    return ledger.tally.grants > 0 && !ledger.live.empty() && !ledger.live[0].older.empty() &&
           !ledger.ended.empty() && !ledger.revoked.empty();
  }

  // Until there is something of each kind to lose.
  static void Work(LedgerClient& client, const Pulse& pulse) {
    std::atomic<bool> stop = false;
    while (!HoldsOfEach(client.ledger()) && client.ledger().broken.empty()) {
      const int enough = pulse.beats() + 5;
      stop = false;
      std::thread working([&] { client.Work(stop); });
      while (pulse.beats() < enough) std::this_thread::yield();
      stop = true;
      working.join();
    }
  }

  Tesserad server_;
};

INSTANTIATE_TEST_SUITE_P(
    What, LedgerComparisonOf,
    ::testing::Values(
        Loss{"Nothing", "SELECT 1", ""},
        Loss{"AUser", "DELETE FROM users WHERE username LIKE 'client-%'", "user is lost"},
        Loss{"ARole",
             "DELETE FROM user_roles WHERE role_id IN (SELECT id FROM roles WHERE name = "
             "'drill')",
             "role is lost"},
        Loss{"ARenewal", "UPDATE sessions SET generation = generation - 1 WHERE generation > 1",
             "the last refresh token is refused"},
        Loss{"TheEndOfASession", "UPDATE sessions SET revoked_at = NULL",
             "an ended session goes on"},
        Loss{"ARevocation", "DELETE FROM revocations", "a revoked token is active"}),
    [](const auto& each) { return each.param.name; });

TEST_P(LedgerComparisonOf, Complains) {
  ASSERT_NO_FATAL_FAILURE(server_.Start());
  Servers servers({&server_});
  ASSERT_TRUE(LedgerClient::SetUpRole(*servers[0]));
  Pulse pulse;
  LedgerClient client("client", servers, pulse);
  Work(client, pulse);
  ASSERT_THAT(client.ledger().broken, IsEmpty());

  server_.KillHard();
  const std::filesystem::path config = server_.command().back();
  RawSqlite(config.parent_path() / "tessera.db").Run(GetParam().sql);
  ASSERT_NO_FATAL_FAILURE(server_.Start());
  servers.Started(0, server_);

  LedgerComparison comparison(client.ledger(), servers, absl::Seconds(1));
  comparison.Run(client.admin_token(), Depth::kAll);
  if (GetParam().complaint.empty()) {
    EXPECT_THAT(client.ledger().broken, IsEmpty());
  } else {
    EXPECT_THAT(client.ledger().broken, Contains(HasSubstr(GetParam().complaint)));
  }
}

}  // namespace
}  // namespace tessera::testing
