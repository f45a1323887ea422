// Many expired sessions go while users log in. Whether it is fast enough is told by the benchmark
// `drain` (tests/bench); here, that it is complete, in small steps, and in nobody's way.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/revocations.h"
#include "server/auth/store_cleaner.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr int kExpired = 20'000;
constexpr int kInsertBatch = 2'000;
constexpr int kCallers = 2;

class DrainTest : public ::testing::Test {
 protected:
  DrainTest() : ada_(world_.AddUser("ada")), kept_(world_.Login("ada")) { InsertExpired(); }

  // Sessions that nobody can need any more.
  void InsertExpired() {
    storage::Session session = *world_.SessionRow(kept_.session_id);
    const absl::Time long_ago = world_.clock.Now() - 2 * kMaxAccessTtl - kRevocationSlack;
    session.idle_expires_at = session.expires_at = long_ago;
    for (int done = 0; done < kExpired; done += kInsertBatch) {
      world_.Write([&](storage::Repositories& in) {
        for (int i = 0; i < kInsertBatch; ++i) {
          session.id = SessionId::Random(world_.clock.Now());
          TESSERA_RETURN_IF_ERROR(in.sessions.Insert(session));
        }
        return absl::OkStatus();
      });
    }
  }

  AuthWorld world_;
  const storage::User ada_;
  const IssuedGrant kept_;
  StoreCleaner cleaner_{*world_.store, world_.clock, world_.log};
};

TEST_F(DrainTest, IsCompleteInBoundedBatchesWhileUsersLogIn) {
  std::atomic<bool> draining = true;
  std::vector<std::thread> callers;
  std::vector<std::vector<SessionId>> begun(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      do {
        const auto grant = world_.TryLogin("ada");
        EXPECT_TRUE(grant.ok()) << grant.status();
        if (grant.ok()) begun[static_cast<size_t>(i)].push_back(grant->session_id);
      } while (draining);
    });
  }
  int64_t removed = 0;
  for (int64_t batch = -1; batch != 0; removed += batch) {
    batch = Require(cleaner_.CleanOnce()).sessions;
    EXPECT_LE(batch, StoreCleaner::kBatch);
  }
  draining = false;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(removed, kExpired);
  EXPECT_TRUE(world_.SessionRow(kept_.session_id).has_value());
  for (const auto& sessions : begun) {
    for (const SessionId& id : sessions) EXPECT_TRUE(world_.SessionRow(id).has_value());
  }
  EXPECT_EQ(Require(cleaner_.CleanAll()).Total(), 0);
}

}  // namespace
}  // namespace tessera::server
