#include <gmock/gmock.h>

#include <atomic>

#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

constexpr absl::Duration kLife = absl::Seconds(30);

class ReplicaRepositoryTest : public Conformance {
 protected:
  ReplicaReport NewReport(std::string id, absl::Time at) {
    return {.id = std::move(id),
            .reported_at = at,
            .key_set_version = 6'000'000'000,
            .guards_key_set_version = 5'000'000'000};
  }
  void Report(const ReplicaReport& report) {
    Write([&](Repositories& r) { return r.replicas.Report(report); });
  }
  std::vector<std::string> IdsSince(absl::Time since) {
    std::vector<std::string> ids;
    Read([&](Repositories& r) {
      for (const ReplicaReport& report : Must(r.replicas.ListSince(since))) {
        ids.push_back(report.id);
      }
      return absl::OkStatus();
    });
    return ids;
  }
  bool Take(std::string_view holder, absl::Time at) {
    bool taken = false;
    Write([&](Repositories& r) {
      taken = Must(r.replicas.TakeLease("cleaner", holder, at, at + kLife));
      return absl::OkStatus();
    });
    return taken;
  }
  void Drop(std::string_view holder) {
    Write([&](Repositories& r) { return r.replicas.DropLease("cleaner", holder); });
  }
};

TEST_P(ReplicaRepositoryTest, AReportComesBackAsItWasMade) {
  const ReplicaReport made = NewReport("rep_1", now());
  Report(made);
  Read([&](Repositories& r) {
    const std::vector<ReplicaReport> found = Must(r.replicas.ListSince(now()));
    EXPECT_EQ(found.size(), 1u);
    if (found.empty()) return absl::OkStatus();
    EXPECT_EQ(found[0].id, made.id);
    EXPECT_EQ(found[0].reported_at, made.reported_at);
    EXPECT_EQ(found[0].key_set_version, made.key_set_version);
    EXPECT_EQ(found[0].guards_key_set_version, made.guards_key_set_version);
    return absl::OkStatus();
  });
}

TEST_P(ReplicaRepositoryTest, ALaterReportReplacesTheOneBefore) {
  Report(NewReport("rep_1", now()));
  ReplicaReport later = NewReport("rep_1", now() + absl::Seconds(1));
  later.key_set_version = 7;
  Report(later);
  Report(later);  // and the same once more changes nothing
  Read([&](Repositories& r) {
    const std::vector<ReplicaReport> found = Must(r.replicas.ListSince(absl::InfinitePast()));
    EXPECT_EQ(found.size(), 1u);
    if (found.empty()) return absl::OkStatus();
    EXPECT_EQ(found[0].reported_at, later.reported_at);
    EXPECT_EQ(found[0].key_set_version, 7);
    return absl::OkStatus();
  });
}

TEST_P(ReplicaRepositoryTest, ListsInTheOrderOfIdsFromTheTimeOnThatInstantIncluded) {
  Report(NewReport("rep_c", now()));
  Report(NewReport("rep_a", now() - absl::Microseconds(1)));
  Report(NewReport("rep_b", now() + absl::Seconds(1)));
  EXPECT_THAT(IdsSince(now()), ::testing::ElementsAre("rep_b", "rep_c"));
  EXPECT_THAT(IdsSince(now() - absl::Microseconds(1)),
              ::testing::ElementsAre("rep_a", "rep_b", "rep_c"));
}

TEST_P(ReplicaRepositoryTest, OneThatLeavesTakesItsOwnReportOnly) {
  Report(NewReport("rep_1", now()));
  Report(NewReport("rep_2", now()));
  Write([](Repositories& r) { return r.replicas.Leave("rep_1"); });
  Write([](Repositories& r) { return r.replicas.Leave("rep_unknown"); });
  EXPECT_THAT(IdsSince(now()), ::testing::ElementsAre("rep_2"));
}

TEST_P(ReplicaRepositoryTest, OldReportsGoStrictlyBeforeTheTimeAndAtMostTheLimit) {
  for (int i = 0; i < 4; ++i) {
    Report(NewReport("rep_" + std::to_string(i), now() - absl::Seconds(i)));
  }
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.replicas.DeleteOld(now() - absl::Seconds(3), 10)), 0);
    EXPECT_EQ(Must(r.replicas.DeleteOld(now(), 2)), 2);
    return absl::OkStatus();
  });
  // The oldest first.
  EXPECT_THAT(IdsSince(absl::InfinitePast()), ::testing::ElementsAre("rep_0", "rep_1"));
}

TEST_P(ReplicaRepositoryTest, ReportsOfOneReplicaAtTheSameTimeAllSucceed) {
  std::atomic<int> failures = 0;
  OnThreads(8, [&](int) {
    const absl::Status status =
        TryWrite([&](Repositories& r) { return r.replicas.Report(NewReport("rep_1", now())); });
    if (!status.ok()) ++failures;
  });
  EXPECT_EQ(failures, 0);
  EXPECT_THAT(IdsSince(now()), ::testing::ElementsAre("rep_1"));
}

TEST_P(ReplicaRepositoryTest, ALeaseIsOnesUntilItsEndThatInstantNotIncluded) {
  EXPECT_TRUE(Take("rep_1", now()));
  EXPECT_FALSE(Take("rep_2", now()));
  EXPECT_FALSE(Take("rep_2", now() + kLife - absl::Microseconds(1)));
  EXPECT_TRUE(Take("rep_2", now() + kLife));
  EXPECT_FALSE(Take("rep_1", now() + kLife));
}

TEST_P(ReplicaRepositoryTest, ItsHolderKeepsALeaseForAsLongAsItLikes) {
  EXPECT_TRUE(Take("rep_1", now()));
  EXPECT_TRUE(Take("rep_1", now()));  // a write that is run again
  EXPECT_TRUE(Take("rep_1", now() + kLife / 2));
  EXPECT_FALSE(Take("rep_2", now() + kLife));
  EXPECT_TRUE(Take("rep_1", now() + 3 * kLife));  // also late, if nobody came in between
}

TEST_P(ReplicaRepositoryTest, OnlyItsHolderGivesALeaseBack) {
  EXPECT_TRUE(Take("rep_1", now()));
  Drop("rep_2");
  EXPECT_FALSE(Take("rep_2", now()));
  Drop("rep_1");
  EXPECT_TRUE(Take("rep_2", now()));
}

TEST_P(ReplicaRepositoryTest, LeasesOfOtherNamesAreApart) {
  EXPECT_TRUE(Take("rep_1", now()));
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.replicas.TakeLease("Cleaner", "rep_2", now(), now() + kLife)));
    return r.replicas.DropLease("Cleaner", "rep_2");
  });
  EXPECT_FALSE(Take("rep_2", now()));
}

TEST_P(ReplicaRepositoryTest, AnEndThatOnlyABrokenClockCanHaveSetBindsNobody) {
  EXPECT_TRUE(Take("rep_1", now() + kLongestLease - kLife));
  EXPECT_FALSE(Take("rep_2", now()));
  EXPECT_TRUE(Take("rep_1", now() + 24 * 365 * kLongestLease));
  EXPECT_TRUE(Take("rep_2", now()));
}

TEST_P(ReplicaRepositoryTest, NobodyTakesALeaseForLongerThanTheLongest) {
  EXPECT_FALSE(TryWrite([&](Repositories& r) {
                 return r.replicas
                     .TakeLease("cleaner", "rep_1", now(),
                                now() + kLongestLease + absl::Microseconds(1))
                     .status();
               }).ok());
  EXPECT_TRUE(Take("rep_2", now()));
}

TEST_P(ReplicaRepositoryTest, OfSixteenThatAskAtOnceOneGetsTheLease) {
  // The first round finds no row, the second a lease that has ended.
  for (const absl::Time at : {now(), now() + kLife}) {
    std::atomic<int> taken = 0;
    OnThreads(16, [&](int i) {
      bool mine = false;
      const absl::Status status = TryWrite([&](Repositories& r) {
        const auto answer =
            r.replicas.TakeLease("cleaner", "rep_" + std::to_string(i), at, at + kLife);
        mine = answer.ok() && *answer;
        return answer.status();
      });
      EXPECT_TRUE(status.ok()) << status;
      if (mine) ++taken;
    });
    EXPECT_EQ(taken, 1);
  }
}

TESSERA_ON_ALL_ENGINES(ReplicaRepositoryTest);

}  // namespace
}  // namespace tessera::storage
