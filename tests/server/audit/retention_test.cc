// What is kept for how long.
#include <gmock/gmock.h>

#include "tests/server/audit/audit_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RetentionTest : public AuditTest {
 protected:
  static constexpr absl::Duration kKept = absl::Hours(24);

  void Add(const std::string& target) {
    ASSERT_TRUE(replica_->Do({"role.created", "usr_1", target}).ok());
  }
  int64_t Prune(int64_t max_events = 10'000'000) {
    // The database's clock is not the test's.
    replica_->store.set_database_time(std::nullopt);
    AuditRetention retention({kKept, max_events},
                             {replica_->store, *replica_->keys, clock_, replica_->plain_log},
                             absl::Hours(1));
    // Behind its own clock, which counts from its start.
    return Require(retention.PruneAll());
  }
  std::vector<std::string> Targets() {
    std::vector<std::string> targets;
    for (const auto& event : replica_->Events(Of("role."))) {
      targets.insert(targets.begin(), event.target);
    }
    return targets;
  }
};

TEST_F(RetentionTest, WhatIsOlderGoesAndLeavesACheckpoint) {
  Add("r1");
  clock_.Advance(absl::Hours(12));
  Add("r2");
  clock_.Advance(absl::Hours(12));
  EXPECT_EQ(Prune(), 0);  // as old as that is not older
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(Prune(), 2);  // audit.began, r1
  EXPECT_THAT(Targets(), ElementsAre("r2"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  Add("r3");
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  EXPECT_EQ(replica_->Verify().count, 2);
}

TEST_F(RetentionTest, TheCheckpointCannotBeForged) {
  Add("r1");
  Add("r2");
  clock_.Advance(kKept + absl::Seconds(1));
  Add("r3");
  EXPECT_EQ(Prune(), 3);
  // Somebody takes r3 away as well, and says that retention did.
  Add("r4");
  Sql("UPDATE audit_chains SET floor_place = 4,"
      " floor_mac = (SELECT mac FROM audit_events WHERE place = 4)");
  Sql("DELETE FROM audit_events WHERE place = 4");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 5"));
}

// What was taken out before its time is not covered up when its time has come.
TEST_F(RetentionTest, AGapStaysToBeSeen) {
  Add("r1");
  Add("r2");
  Add("r3");
  Sql("DELETE FROM audit_events WHERE place = 3");
  clock_.Advance(kKept + absl::Seconds(1));
  EXPECT_EQ(Prune(), 2);
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.fault_found replica=rep_a sequence=3"));
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 3"));
  EXPECT_THAT(Targets(), ElementsAre("r3"));
}

TEST_F(RetentionTest, ManyGoInBatches) {
  for (int i = 0; i < AuditRetention::kBatch + 20; ++i) Add("r");
  clock_.Advance(kKept + absl::Seconds(1));
  Add("last");
  EXPECT_EQ(Prune(), AuditRetention::kBatch + 21);
  EXPECT_THAT(Targets(), ElementsAre("last"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

// A replica that is gone leaves nothing behind for ever; one that lives goes on.
TEST_F(RetentionTest, AnEmptyChainOfLongAgoGoesAltogether) {
  replica_.reset();
  replica_ = NewReplica("rep_b");
  clock_.Advance(kKept + absl::Seconds(1));
  Add("r1");
  EXPECT_EQ(Prune(), 3);  // audit.began of both, and where the first ended
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  int chains = 0;
  ASSERT_TRUE(replica_->store
                  .Read(absl::InfiniteFuture(),
                        [&](storage::Repositories& in) {
                          chains = static_cast<int>(Require(in.audit.ListChains("", 10)).size());
                          return absl::OkStatus();
                        })
                  .ok());
  EXPECT_EQ(chains, 1);
}

// Rows are made by whoever is refused: there is an end to them.
TEST_F(RetentionTest, BeyondANumberTheOldestGoEarly) {
  for (const char* target : {"r1", "r2", "r3", "r4"}) {
    clock_.Advance(absl::Seconds(1));
    Add(target);
  }
  EXPECT_EQ(Prune(5), 0);
  EXPECT_EQ(Prune(2), 3);  // audit.began, r1, r2
  EXPECT_THAT(Targets(), ElementsAre("r3", "r4"));
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.pruned_early events=3"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  // The end of a chain that may be written on stays.
  EXPECT_EQ(Prune(0), 1);
  Add("r5");
  EXPECT_THAT(Targets(), ElementsAre("r4", "r5"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

// Of several chains the oldest events go, and a fault is not covered up.
TEST_F(RetentionTest, EarlyPruningTakesTheOldestOfAllAndStopsBeforeAFault) {
  Add("r1");
  Add("r2");
  replica_.reset();
  clock_.Advance(absl::Hours(1));
  replica_ = NewReplica("rep_b");
  Add("r3");
  Sql("DELETE FROM audit_events WHERE replica_id = 'rep_a' AND place = 2");
  // Of 6 that the chains tell of (began, r1, r2; began, the note, r3) four are too many: one of
  // rep_a goes before the gap, and then of rep_b all but the last.
  EXPECT_EQ(Prune(2), 3);
  EXPECT_THAT(Targets(), ElementsAre("r2", "r3"));
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 2"));
}

TEST_F(RetentionTest, OneReplicaPrunesAtATime) {
  Add("r1");
  clock_.Advance(kKept + absl::Seconds(1));
  ASSERT_TRUE(replica_->store
                  .Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                         [&](storage::Repositories& in) {
                           return in.replicas
                               .TakeLease("audit-retention", "another", clock_.Now(),
                                          clock_.Now() + absl::Minutes(1))
                               .status();
                         })
                  .ok());
  EXPECT_EQ(Prune(), 0);
}

}  // namespace
}  // namespace tessera::server
