// Nothing acknowledged is lost, whatever is killed. Three kills of each; TESSERA_DRILL_KILLS says
// otherwise.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/random.h"
#include "tests/drills/ledger_drill.h"
#include "tests/drills/servers.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

constexpr int kClients = 6;
constexpr int kDefaultKills = 3;
// Between two kills the clients renew at least so often, and up to so many times more by chance.
constexpr int kRenewalsBefore = 10, kRenewalsByChance = 60;
constexpr uint64_t kMaxDownMicros = 200'000;
// The whole drill fits into the life of an access token, and a renewal that is asked for again
// after a slow restart into the grace. All logins come from one source, and one that a kill cuts
// off stays counted as a guess.
Tesserad::Options LongLife() {
  Tesserad::Options options;
  options.environment = {"TESSERA_TOKENS_ACCESS_TTL=4h", "TESSERA_TOKENS_REUSE_GRACE=2m",
                         "TESSERA_THROTTLE_SOURCE_ATTEMPTS=1000000"};
  return options;
}

int Kills() {
  const char* const wanted = std::getenv("TESSERA_DRILL_KILLS");
  return wanted == nullptr ? kDefaultKills : std::max(1, std::atoi(wanted));
}

struct Victim {
  std::string name;
  std::function<void()> kill, restart;
};

class KillNine {
 public:
  KillNine(std::string engine, Tesserad& server)
      : engine_(std::move(engine)), servers_({&server}), drill_("client", servers_, kClients) {}

  void Restart(Tesserad& server) {
    ASSERT_NO_FATAL_FAILURE(server.Start());
    servers_.Started(0, server);
  }

  // Kills the victims in turn.
  void Run(const std::vector<Victim>& victims) {
    ASSERT_TRUE(LedgerClient::SetUpRole(*servers_[0]));
    const int kills = Kills();
    int done = 0;
    while (done < kills && drill_.Broken().empty()) {
      ASSERT_NO_FATAL_FAILURE(KillOnce(victims[static_cast<size_t>(done) % victims.size()]));
      ShowProgress("ledger " + engine_ + ": kill", ++done, kills);
    }
    drill_.Compare(Depth::kAll);
    std::printf("ledger %s: %d kills, back after at most %s; %s\n", engine_.c_str(), done,
                absl::FormatDuration(absl::Trunc(longest_, absl::Milliseconds(1))).c_str(),
                drill_.Summary().c_str());
    ExpectNothingBroken();
  }

 private:
  void KillOnce(const Victim& victim) {
    drill_.StartWork();
    ASSERT_TRUE(
        drill_.AwaitRenewals(kRenewalsBefore + static_cast<int>(RandomBelow(kRenewalsByChance))));
    victim.kill();
    usleep(static_cast<useconds_t>(RandomBelow(kMaxDownMicros)));
    const absl::Duration restarted = SystemClock().Monotonic();
    ASSERT_NO_FATAL_FAILURE(victim.restart());
    ASSERT_TRUE(drill_.AwaitRenewals(1)) << "no recovery from the kill of " << victim.name;
    longest_ = std::max(longest_, SystemClock().Monotonic() - restarted);
    drill_.StopWork();
    drill_.Compare(Depth::kRecent);
  }

  void ExpectNothingBroken() const {
    const std::vector<std::string> broken = drill_.Broken();
    for (size_t i = 0; i < std::min<size_t>(broken.size(), 10); ++i) ADD_FAILURE() << broken[i];
    EXPECT_EQ(broken.size(), 0u);
  }

  const std::string engine_;
  Servers servers_;
  LedgerDrill drill_;
  absl::Duration longest_;
};

TEST(Ledger, NothingAcknowledgedIsLostOnSqlite) {
  Tesserad server(LongLife());
  ASSERT_NO_FATAL_FAILURE(server.Start());
  KillNine drill("sqlite", server);
  drill.Run({{"the server", [&] { server.KillHard(); }, [&] { drill.Restart(server); }}});
}

TEST(Ledger, NothingAcknowledgedIsLostOnMariaDb) {
  MariaDb mariadb;
  MariaDbDatabase database(mariadb);
  Tesserad::Options options = LongLife();
  options.installation = std::make_shared<Installation>(database);
  Tesserad server(options);
  ASSERT_NO_FATAL_FAILURE(server.Start());
  KillNine drill("mariadb", server);
  const Victim the_database{"the database", [&] { mariadb.KillHard(); }, [&] { mariadb.Start(); }};
  const Victim the_server{"the server", [&] { server.KillHard(); }, [&] { drill.Restart(server); }};
  const Victim both{"both",
                    [&] {
                      mariadb.KillHard();
                      server.KillHard();
                    },
                    [&] {
                      mariadb.Start();
                      drill.Restart(server);
                    }};
  drill.Run({the_database, the_server, both});
}

}  // namespace
}  // namespace tessera::testing
