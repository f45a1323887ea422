// Nothing acknowledged is lost, whatever is killed. Three kills of each; TESSERA_DRILL_KILLS says
// otherwise.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/random.h"
#include "tests/drills/ledger_drill.h"
#include "tests/drills/replicas.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

constexpr int kClients = 6;
constexpr int kDefaultKills = 3;
// Between two kills the clients renew at least so often, and up to so many times more by chance.
constexpr int kRenewalsBefore = 10, kRenewalsByChance = 60;
constexpr uint64_t kMaxDownMicros = 200'000;
// The whole drill fits into the life of an access token, and a renewal that is asked for again
// after a slow restart into the grace.
Tesserad::Options LongLife() {
  Tesserad::Options options;
  options.run_under = {"env", "TESSERA_TOKENS_ACCESS_TTL=4h", "TESSERA_TOKENS_REUSE_GRACE=2m"};
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
      : engine_(std::move(engine)), replicas_({&server}), drill_(replicas_, kClients) {}

  Replicas& replicas() { return replicas_; }

  // Kills the victims in turn.
  void Run(const std::vector<Victim>& victims) {
    ASSERT_TRUE(LedgerClient::SetUpRole(*replicas_[0]));
    const int kills = Kills();
    for (int i = 0; i < kills && drill_.Broken().empty(); ++i) {
      ASSERT_NO_FATAL_FAILURE(KillOnce(victims[static_cast<size_t>(i) % victims.size()]));
      ShowProgress("ledger " + engine_ + ": kill", i + 1, kills);
    }
    drill_.Compare(Depth::kAll);
    std::printf("ledger %s: %d kills, back after at most %s; %s\n", engine_.c_str(), kills,
                absl::FormatDuration(longest_).c_str(), drill_.Summary().c_str());
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
  Replicas replicas_;
  LedgerDrill drill_;
  absl::Duration longest_;
};

TEST(Ledger, NothingAcknowledgedIsLostOnSqlite) {
  Tesserad server(LongLife());
  ASSERT_NO_FATAL_FAILURE(server.Start());
  KillNine drill("sqlite", server);
  drill.Run({{"the server", [&] { server.KillHard(); },
              [&] {
                server.Start();
                drill.replicas().Started(0, server);
              }}});
}

}  // namespace
}  // namespace tessera::testing
