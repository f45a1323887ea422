#include <gmock/gmock.h>

#include <atomic>
#include <optional>

#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

class RevocationRepositoryTest : public Conformance {
 protected:
  std::vector<Revocation> After(int64_t seq, int limit = 1000) {
    std::vector<Revocation> entries;
    Read([&](Repositories& r) {
      entries = Must(r.revocations.ListAfter(seq, limit));
      return absl::OkStatus();
    });
    return entries;
  }
  int64_t Head() {
    int64_t head = -1;
    Read([&](Repositories& r) {
      head = Must(r.revocations.Head());
      return absl::OkStatus();
    });
    return head;
  }
  void Append(std::vector<Revocation> entries) {
    Write([&](Repositories& r) { return r.revocations.Append(entries); });
  }
};

std::vector<int64_t> SeqsOf(const std::vector<Revocation>& entries) {
  std::vector<int64_t> seqs;
  for (const Revocation& entry : entries) seqs.push_back(entry.seq);
  return seqs;
}

TEST_P(RevocationRepositoryTest, AnEmptyFeedHasHeadZero) {
  EXPECT_EQ(Head(), 0);
  EXPECT_TRUE(After(0).empty());
}

TEST_P(RevocationRepositoryTest, EntriesComeBackAsTheyWereWithTheNextSeqs) {
  std::vector<Revocation> entries = {NewRevocation(), NewRevocation(), NewRevocation()};
  entries[0].kind = RevocationKind::kUser;
  entries[0].min_user_version = 6'000'000'000;
  entries[1].id_hash = std::string("\0\xff'\"\\\0\n:x\x80\x81\x82\x83\x84\x85\x86", 16);
  entries[2].kind = RevocationKind::kKey;
  Append(entries);
  const std::vector<Revocation> found = After(0);
  EXPECT_THAT(SeqsOf(found), ::testing::ElementsAre(1, 2, 3));
  ASSERT_EQ(found.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(found[i].kind, entries[i].kind);
    EXPECT_EQ(found[i].id_hash, entries[i].id_hash);
    EXPECT_EQ(found[i].min_user_version, entries[i].min_user_version);
    EXPECT_EQ(found[i].expires_at, entries[i].expires_at);
  }
  EXPECT_EQ(Head(), 3);
}

TEST_P(RevocationRepositoryTest, AppendingNothingTakesNoSeq) {
  Append({});
  Append({NewRevocation()});
  EXPECT_THAT(SeqsOf(After(0)), ::testing::ElementsAre(1));
}

TEST_P(RevocationRepositoryTest, AnIdThatIsNoHashIsRefused) {
  for (const size_t size : {0u, 15u, 17u}) {
    Revocation entry = NewRevocation();
    entry.id_hash = std::string(size, 'x');
    EXPECT_FALSE(TryWrite([&](Repositories& r) { return r.revocations.Append({entry}); }).ok());
  }
  EXPECT_EQ(Head(), 0);
}

TEST_P(RevocationRepositoryTest, TheTailBeginsBehindTheSeqAndStopsAtTheLimit) {
  for (int i = 0; i < 5; ++i) Append({NewRevocation()});
  EXPECT_THAT(SeqsOf(After(2, 2)), ::testing::ElementsAre(3, 4));
  EXPECT_THAT(SeqsOf(After(4, 2)), ::testing::ElementsAre(5));
  EXPECT_TRUE(After(5).empty());
  EXPECT_TRUE(After(99).empty());
}

TEST_P(RevocationRepositoryTest, ATransactionThatFailsGivesItsSeqsBack) {
  Append({NewRevocation()});
  EXPECT_FALSE(
      TryWrite([&](Repositories& r) {
        const absl::Status status = r.revocations.Append({NewRevocation(), NewRevocation()});
        EXPECT_TRUE(status.ok());
        return absl::CancelledError("no");
      }).ok());
  Append({NewRevocation()});
  EXPECT_THAT(SeqsOf(After(0)), ::testing::ElementsAre(1, 2));
}

TEST_P(RevocationRepositoryTest, SeqsGoOnAfterPruningAndReopening) {
  Append({NewRevocation(), NewRevocation()});
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.revocations.DeleteExpired(absl::InfiniteFuture(), 10)), 2);
    return absl::OkStatus();
  });
  EXPECT_EQ(Head(), 2);
  Reopen();
  Append({NewRevocation()});
  EXPECT_THAT(SeqsOf(After(0)), ::testing::ElementsAre(3));
}

TEST_P(RevocationRepositoryTest, ExpiredEntriesGoStrictlyAfterTheirEndAndAtMostTheLimit) {
  std::vector<Revocation> entries(4, NewRevocation());
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i].expires_at = now() + absl::Seconds(10 - static_cast<int>(i));
  }
  Append(entries);
  const absl::Time earliest = entries.back().expires_at;
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.revocations.DeleteExpired(earliest, 10)), 0);
    EXPECT_EQ(Must(r.revocations.DeleteExpired(earliest + absl::Microseconds(1), 10)), 1);
    EXPECT_EQ(Must(r.revocations.DeleteExpired(now() + absl::Hours(1), 2)), 2);
    return absl::OkStatus();
  });
  EXPECT_THAT(SeqsOf(After(0)), ::testing::ElementsAre(1));
}

TEST_P(RevocationRepositoryTest, ThePruningTimeIsAbsentAtFirstAndNeverGoesBack) {
  const auto pruned = [&] {
    std::optional<absl::Time> time;
    Read([&](Repositories& r) {
      time = Must(r.revocations.PruningTime());
      return absl::OkStatus();
    });
    return time;
  };
  const auto raise = [&](absl::Time to) {
    Write([&](Repositories& r) { return r.revocations.RaisePruningTime(to); });
  };
  EXPECT_EQ(pruned(), std::nullopt);
  raise(now());
  EXPECT_EQ(pruned(), now());
  raise(now() - absl::Hours(1));
  EXPECT_EQ(pruned(), now());
  raise(now() + absl::Microseconds(1));
  Reopen();
  EXPECT_EQ(pruned(), now() + absl::Microseconds(1));
}

// What the revocation feed of every replica stands on.
TEST_P(RevocationRepositoryTest, ATailingReaderNeverSeesAHoleUnderSixteenWriters) {
  constexpr int kWriters = 16;
  constexpr int kWrites = 25;
  std::atomic<int> writing = kWriters;
  std::atomic<int64_t> appended = 0;
  std::atomic<int> failures = 0;
  std::vector<int64_t> seen;
  OnThreads(kWriters + 1, [&](int i) {
    if (i == kWriters) {
      for (bool last = false; !last;) {
        last = writing == 0;
        for (const Revocation& entry : After(seen.empty() ? 0 : seen.back(), 7)) {
          seen.push_back(entry.seq);
          last = false;
        }
      }
      return;
    }
    for (int k = 0; k < kWrites; ++k) {
      const std::vector<Revocation> entries(static_cast<size_t>(1 + (i + k) % 3), NewRevocation());
      const bool refuse = (i + k) % 5 == 0;  // takes seqs and gives them back
      const absl::Status status = TryWrite([&](Repositories& r) {
        const absl::Status done = r.revocations.Append(entries);
        return refuse && done.ok() ? absl::CancelledError("no") : done;
      });
      if (status.ok() == refuse) ++failures;
      if (status.ok()) appended += static_cast<int64_t>(entries.size());
    }
    --writing;
  });
  EXPECT_EQ(failures, 0);
  ASSERT_EQ(static_cast<int64_t>(seen.size()), appended.load());
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], static_cast<int64_t>(i) + 1);
}

TESSERA_ON_ALL_ENGINES(RevocationRepositoryTest);

}  // namespace
}  // namespace tessera::storage
