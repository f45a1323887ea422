#include "server/auth/revocation_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/revocations.h"
#include "server/auth/sealer.h"
#include "server/auth/stored_key_ring.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;

// Reads only when it is asked to.
constexpr RevocationFeed::Options kOnDemand{absl::Hours(1)};

// Goes over to another database, as a name does that a failover moves.
class MovedStore final : public storage::Store {
 public:
  explicit MovedStore(storage::Store& first) : store_(&first) {}
  void MoveTo(storage::Store& other) { store_ = &other; }

  absl::Status Read(absl::Time deadline, Work work) override {
    return store_.load()->Read(deadline, work);
  }
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override {
    return store_.load()->Write(repeat, deadline, work);
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    return store_.load()->DatabaseTime(deadline);
  }

 private:
  std::atomic<storage::Store*> store_;
};

class RevocationFeedTest : public ::testing::Test {
 protected:
  RevocationFeedTest() {
    feed_ = Require(RevocationFeed::Open(store_, *world_.keys, kOnDemand, world_.clock, log_));
  }

  storage::Revocation Session(int number, absl::Duration life = absl::Hours(1)) {
    return RevokeSessionEntry(SessionId("ses_" + std::to_string(number)),
                              world_.clock.Now() + life);
  }
  void Append(std::vector<storage::Revocation> entries) {
    world_.Write([&](storage::Repositories& in) { return in.revocations.Append(entries); });
  }
  // As a restored backup would look: entries that were there are gone.
  void ForgetAll() {
    world_.Write([&](storage::Repositories& in) {
      return in.revocations.DeleteExpired(absl::InfiniteFuture(), 1000).status();
    });
  }
  std::vector<int64_t> SeqsAfter(int64_t seq, size_t limit = 100) {
    std::vector<int64_t> seqs;
    for (const auto& entry : Require(feed_->After(seq, limit))) seqs.push_back(entry.seq);
    return seqs;
  }

  AuthWorld world_;
  RecordingLog log_;
  WatchedStore store_{*world_.direct, world_.clock};
  std::unique_ptr<RevocationFeed> feed_;
};

// Whoever it names would be let in again once the clock is set right.
TEST_F(RevocationFeedTest, AStartWithTheClockADayAheadForgetsNothing) {
  Append({Session(1)});
  world_.Write([&](storage::Repositories& in) {
    return in.revocations.RaisePruningTime(world_.clock.Now());
  });
  world_.clock.SetWall(world_.clock.Now() + absl::Hours(25));
  const auto restarted =
      Require(RevocationFeed::Open(store_, *world_.keys, kOnDemand, world_.clock, log_));
  world_.clock.Advance(absl::Minutes(1));  // it is time to prune
  for (int i = 0; i < 2; ++i) Require(restarted->CatchUp(absl::InfiniteFuture()));
  EXPECT_EQ(restarted->view()->size(), 1u);
}

TEST_F(RevocationFeedTest, AfterOpenTheViewIsLoaded) {
  EXPECT_TRUE(feed_->view()->loaded());
  EXPECT_EQ(feed_->Now().head_seq, 0);
  EXPECT_EQ(feed_->Now().store_epoch, world_.keys->Current()->store_epoch);
  EXPECT_EQ(feed_->Now().key_set_version, 1);
}

TEST_F(RevocationFeedTest, CatchUpBringsWhatWasCommittedBefore) {
  Append({Session(1), Session(2)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(feed_->view()->size(), 2u);
  EXPECT_EQ(feed_->Now().head_seq, 2);
  EXPECT_THAT(SeqsAfter(0), ElementsAre(1, 2));
  EXPECT_THAT(SeqsAfter(1), ElementsAre(2));
  EXPECT_THAT(SeqsAfter(0, 1), ElementsAre(1));
  EXPECT_TRUE(absl::IsOutOfRange(feed_->After(3, 10).status()));
}

TEST_F(RevocationFeedTest, OpenLoadsWhatIsThere) {
  std::vector<storage::Revocation> many;
  for (int i = 0; i < 2500; ++i) many.push_back(Session(i));
  Append(many);
  const auto other =
      Require(RevocationFeed::Open(store_, *world_.keys, kOnDemand, world_.clock, log_));
  EXPECT_EQ(other->view()->size(), 2500u);
  EXPECT_EQ(other->Now().head_seq, 2500);
}

// More than a page, in the first reading and in one that has fallen behind.
TEST_F(RevocationFeedTest, HoweverManyThereAreTheyComeInShortTransactions) {
  std::vector<storage::Revocation> many;
  for (int i = 0; i < 25'000; ++i) many.push_back(Session(i));
  Append(many);
  const int before = store_.reads();
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_GE(store_.reads() - before, 3);
  EXPECT_EQ(feed_->view()->size(), 25'000u);
  EXPECT_EQ(feed_->Now().head_seq, 25'000);
  const auto other =
      Require(RevocationFeed::Open(store_, *world_.keys, kOnDemand, world_.clock, log_));
  EXPECT_EQ(other->view()->size(), 25'000u);
  EXPECT_EQ(other->Now().head_seq, 25'000);
  EXPECT_EQ(Require(other->After(24'999, 10)).size(), 1u);
}

TEST_F(RevocationFeedTest, ManyWhoCatchUpAtOnceEachSeeTheirOwnWrite) {
  std::vector<std::thread> threads;
  std::atomic<int> missing{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      Append({Session(i)});
      int64_t mine = 0;
      Require(world_.direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(mine, in.revocations.Head());
        return absl::OkStatus();
      }));
      Require(feed_->CatchUp(absl::InfiniteFuture()));
      if (feed_->Now().head_seq < mine) ++missing;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missing, 0);
  EXPECT_EQ(feed_->view()->size(), 16u);
}

TEST_F(RevocationFeedTest, ItFollowsTheStoreByItself) {
  const auto polling = Require(
      RevocationFeed::Open(store_, *world_.keys, {absl::Milliseconds(1)}, world_.clock, log_));
  Mutex mu;
  CondVar changed;
  bool heard = false;
  const auto handle = polling->Subscribe([&] {
    MutexLock lock(mu);
    heard = true;
    changed.NotifyAll();
  });
  Append({Session(1)});
  MutexLock lock(mu);
  while (!heard) ASSERT_TRUE(changed.WaitFor(mu, absl::Seconds(20)));
  EXPECT_EQ(polling->Now().head_seq, 1);
}

TEST_F(RevocationFeedTest, ListenersHearOfEntriesAndKeysAndNotOfNothing) {
  std::atomic<int> heard{0};
  auto handle = feed_->Subscribe([&] { ++heard; });
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(heard, 0);
  Append({Session(1)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(heard, 1);
  world_.Write([](storage::Repositories& in) { return in.keys.AdvanceVersion(1).status(); });
  // Two feeds share this ring: whichever refreshes it hears of it. This one's position tells too.
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(feed_->Now().key_set_version, 2);
  handle.reset();
  Append({Session(2)});
  const int before = heard;
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(heard, before);
}

TEST_F(RevocationFeedTest, WithTheStoreAwayItServesWhatItHasAndItsAgeGrows) {
  Append({Session(1)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(feed_->Now().age, absl::ZeroDuration());
  store_.set_away(true);
  world_.clock.Advance(absl::Minutes(3));
  EXPECT_EQ(Reason(feed_->CatchUp(absl::InfiniteFuture())), "OUTCOME_UNKNOWN");
  EXPECT_EQ(Reason(feed_->CatchUp(absl::InfiniteFuture())), "OUTCOME_UNKNOWN");
  EXPECT_EQ(feed_->Now().age, absl::Minutes(3));
  EXPECT_EQ(feed_->view()->Age(), absl::Minutes(3));
  EXPECT_EQ(feed_->view()->size(), 1u);
  EXPECT_THAT(SeqsAfter(0), ElementsAre(1));
  EXPECT_EQ(log_.Count("feed.read_failed"), 1);
  store_.set_away(false);
  EXPECT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(feed_->Now().age, absl::ZeroDuration());
  EXPECT_EQ(log_.Count("feed.recovered"), 1);
}

// What was written is kept: the answer must not say that nothing was changed, nor come late.
TEST_F(RevocationFeedTest, ACatchUpEndsAtItsDeadlineAndSaysThatTheOutcomeIsUnknown) {
  EXPECT_EQ(Reason(feed_->CatchUp(world_.clock.Now() - absl::Seconds(1))), "OUTCOME_UNKNOWN");
}

TEST_F(RevocationFeedTest, TheAgeDoesNotFollowTheWallClock) {
  world_.clock.SetWall(world_.clock.Now() + absl::Hours(5));
  EXPECT_EQ(feed_->Now().age, absl::ZeroDuration());
}

TEST_F(RevocationFeedTest, AHoleIsReadFromTheStartAndNothingIsForgotten) {
  Append({Session(1)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  Append({Session(2)});
  ForgetAll();
  Append({Session(3)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(log_.Count("feed.hole"), 1);
  EXPECT_EQ(feed_->Now().head_seq, 3);
  EXPECT_EQ(feed_->view()->size(), 2u);  // 1 and 3
  EXPECT_TRUE(absl::IsOutOfRange(feed_->After(1, 10).status()));
  EXPECT_THAT(SeqsAfter(2), ElementsAre(3));
}

// A failover that lost the last entries, and others written under their numbers before anybody
// looked: nothing but what is at the head gives it away.
TEST_F(RevocationFeedTest, AStoreThatWentBackAndCaughtUpAgainIsReadFromTheStart) {
  Append({Session(1), Session(2), Session(3)});
  for (const int written_since : {2, 3}) {
    testing::DatabaseUnderTest other_database;
    const auto other = Require(other_database.Open(world_.clock, log_));
    MovedStore moved(*world_.direct);
    const auto feed =
        Require(RevocationFeed::Open(moved, *world_.keys, kOnDemand, world_.clock, log_));
    const auto held = feed->Now();
    ASSERT_EQ(held.head_seq, 3);
    EXPECT_EQ(held.history, "");
    std::vector<storage::Revocation> entries = {Session(1)};
    for (int i = 0; i < written_since; ++i) entries.push_back(Session(10 + i));
    Require(other->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                         [&](storage::Repositories& in) -> absl::Status {
                           TESSERA_RETURN_IF_ERROR(in.keys.SetStoreEpoch(held.store_epoch));
                           TESSERA_RETURN_IF_ERROR(in.keys.AdvanceVersion(0).status());
                           return in.revocations.Append(entries);
                         }));
    const int before = log_.Count("feed.store_went_back");
    moved.MoveTo(*other);
    for (int i = 0; i < 2; ++i) Require(feed->CatchUp(absl::InfiniteFuture()));
    EXPECT_EQ(log_.Count("feed.store_went_back"), before + 1);
    EXPECT_EQ(feed->Now().head_seq, 1 + written_since);
    EXPECT_EQ(feed->Now().store_epoch, held.store_epoch);
    EXPECT_NE(feed->Now().history, "");
    EXPECT_EQ(feed->view()->size(), static_cast<size_t>(3 + written_since));
  }
}

// The newest entry expires while nobody revokes anything, and is removed.
TEST_F(RevocationFeedTest, AnEntryAtTheHeadThatWasRemovedBecauseItExpiredIsNoLoss) {
  Append({Session(1, absl::Minutes(1))});
  Require(feed_->CatchUp(absl::InfiniteFuture()));
  world_.clock.Advance(absl::Hours(1));
  ForgetAll();
  Require(feed_->CatchUp(absl::InfiniteFuture()));
  EXPECT_EQ(log_.Count("feed.store_went_back"), 0);
  EXPECT_EQ(feed_->Now().history, "");
}

TEST_F(RevocationFeedTest, AnotherStoreEpochIsLoggedAndMerged) {
  Append({Session(1)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  const std::string epoch = NewStoreEpoch();
  ForgetAll();
  world_.Write([&](storage::Repositories& in) -> absl::Status {
    TESSERA_RETURN_IF_ERROR(in.keys.SetStoreEpoch(epoch));
    return in.keys.AdvanceVersion(1).status();
  });
  Append({Session(2)});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(log_.Count("feed.store_epoch_changed"), 1);
  EXPECT_EQ(feed_->Now().store_epoch, epoch);
  EXPECT_EQ(world_.keys->Current()->store_epoch, epoch);
  EXPECT_EQ(feed_->view()->size(), 2u);
}

TEST_F(RevocationFeedTest, KeysThatAnotherReplicaMadeAreTakenOver) {
  const Sealer sealer = Require(Sealer::Create(MasterKeysOf("one master key")));
  storage::StoredKey pending =
      Require(NewSigningKey(Algorithm::kEs256, sealer, world_.clock.Now()));
  pending.state = storage::KeyState::kPending;
  world_.Write([&](storage::Repositories& in) -> absl::Status {
    TESSERA_RETURN_IF_ERROR(in.keys.Insert(pending));
    return in.keys.AdvanceVersion(1).status();
  });
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_NE(world_.keys->Current()->verify->Find(pending.kid), nullptr);
}

TEST_F(RevocationFeedTest, ExpiredEntriesAreForgotten) {
  Append({Session(1, absl::Minutes(1)), Session(2, absl::Hours(2))});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  world_.clock.Advance(absl::Minutes(10));
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture())
                  .ok());  // pruning follows a reading: the next answer has it behind it
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(feed_->view()->size(), 1u);
}

TEST_F(RevocationFeedTest, AWallClockThatJumpsForwardForgetsNothing) {
  Append({Session(1, absl::Minutes(1))});
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  const absl::Time then = world_.clock.Now();
  world_.clock.SetWall(then + absl::Hours(48));
  world_.clock.Advance(absl::Seconds(30));
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  EXPECT_EQ(feed_->view()->size(), 1u);
}

TEST_F(RevocationFeedTest, WhenTheStoreIsAwayAtOpenThereIsNoFeed) {
  store_.set_away(true);
  EXPECT_EQ(Reason(RevocationFeed::Open(store_, *world_.keys, kOnDemand, world_.clock, log_)),
            "STORAGE_UNAVAILABLE");
}

}  // namespace
}  // namespace tessera::server
