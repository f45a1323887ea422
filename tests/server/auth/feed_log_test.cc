#include "server/auth/feed_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const absl::Time kLater = absl::FromUnixSeconds(2'000'000'000);

storage::Revocation Entry(int64_t seq, absl::Time expires = kLater) {
  storage::Revocation entry;
  entry.seq = seq;
  entry.id_hash = std::string(16, static_cast<char>('a' + seq % 26));
  entry.expires_at = expires;
  return entry;
}

std::vector<storage::Revocation> Entries(std::vector<int64_t> seqs) {
  std::vector<storage::Revocation> entries;
  for (const int64_t seq : seqs) entries.push_back(Entry(seq));
  return entries;
}

std::vector<int64_t> Seqs(const std::vector<storage::Revocation>& entries) {
  std::vector<int64_t> seqs;
  for (const auto& entry : entries) seqs.push_back(entry.seq);
  return seqs;
}

bool OutOfRange(const FeedLog& log, int64_t seq) {
  return absl::IsOutOfRange(log.After(seq, 10).status());
}

TEST(FeedLog, EntriesBehindAPositionComeInOrderUpToTheLimit) {
  FeedLog log;
  log.Append(Entries({1, 2, 3, 4}));
  EXPECT_THAT(Seqs(Require(log.After(0, 10))), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Seqs(Require(log.After(1, 2))), ElementsAre(2, 3));
  EXPECT_THAT(Seqs(Require(log.After(4, 10))), ElementsAre());
}

TEST(FeedLog, APositionAheadOfTheHeadIsOutOfRange) {
  FeedLog log;
  log.Append(Entries({1, 2}));
  EXPECT_TRUE(OutOfRange(log, 3));
  EXPECT_TRUE(OutOfRange(log, -1));
}

TEST(FeedLog, AHoleInTheTailIsSeen) {
  FeedLog log;
  log.Append(Entries({1, 2}));
  EXPECT_EQ(log.Judge(Entries({3, 4}), 4), FeedLog::Fit::kFits);
  EXPECT_EQ(log.Judge({}, 2), FeedLog::Fit::kFits);
  EXPECT_EQ(log.Judge(Entries({4}), 4), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge(Entries({3, 5}), 5), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge(Entries({3}), 4), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge({}, 3), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge({}, 1), FeedLog::Fit::kWentBack);
}

TEST(FeedLog, BehindAHoleOnlyTheWholePartIsGiven) {
  FeedLog log;
  log.Restart(Entries({2, 5, 6}), 6);
  EXPECT_TRUE(OutOfRange(log, 3));
  EXPECT_THAT(Seqs(Require(log.After(4, 10))), ElementsAre(5, 6));
  EXPECT_THAT(Seqs(log.TakeSnapshot().entries), UnorderedElementsAre(2, 5, 6));
  EXPECT_EQ(log.TakeSnapshot().seq, 6);
}

TEST(FeedLog, AHeadBeyondTheLastEntryIsAHoleToo) {
  FeedLog log;
  log.Restart(Entries({2}), 9);
  EXPECT_EQ(log.head(), 9);
  EXPECT_TRUE(OutOfRange(log, 8));
  EXPECT_THAT(Seqs(Require(log.After(9, 10))), ElementsAre());
}

TEST(FeedLog, WhatTheStoreForgotStaysInSnapshots) {
  FeedLog log;
  log.Append(Entries({1, 2, 3}));
  log.Restart(Entries({1}), 1);
  EXPECT_EQ(log.head(), 1);
  EXPECT_THAT(Seqs(log.TakeSnapshot().entries), UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(Seqs(Require(log.After(0, 10))), ElementsAre(1));
}

TEST(FeedLog, PruningForgetsTheExpiredAndMovesTheFloor) {
  FeedLog log;
  log.Append({Entry(1), Entry(2, kLater - absl::Seconds(1)), Entry(3)});
  log.Prune(kLater - absl::Seconds(1));  // not expired before that instant
  EXPECT_EQ(log.size(), 3u);
  log.Prune(kLater);
  EXPECT_THAT(Seqs(log.TakeSnapshot().entries), UnorderedElementsAre(1, 3));
  EXPECT_TRUE(OutOfRange(log, 1));
  EXPECT_THAT(Seqs(Require(log.After(2, 10))), ElementsAre(3));
}

TEST(FeedLog, WhatIsCarriedIsForgottenWhenItExpires) {
  FeedLog log;
  log.Append(Entries({1}));
  log.Restart({}, 0);
  EXPECT_EQ(log.size(), 1u);
  log.Prune(kLater + absl::Seconds(1));
  EXPECT_EQ(log.size(), 0u);
}

}  // namespace
}  // namespace tessera::server
