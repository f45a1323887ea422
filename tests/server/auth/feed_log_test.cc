#include "server/auth/feed_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;

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
  EXPECT_EQ(log.Judge(Entries({3, 4}), 4, true), FeedLog::Fit::kFits);
  EXPECT_EQ(log.Judge({}, 2, true), FeedLog::Fit::kFits);
  EXPECT_EQ(log.Judge(Entries({4}), 4, true), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge(Entries({3, 5}), 5, true), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge(Entries({3}), 4, true), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge({}, 3, true), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge({}, 1, true), FeedLog::Fit::kWentBack);
}

TEST(FeedLog, TheFirstPartOfATailNeedNotReachTheHead) {
  FeedLog log;
  log.Append(Entries({1, 2}));
  EXPECT_EQ(log.Judge(Entries({3, 4}), 9, false), FeedLog::Fit::kFits);
  EXPECT_EQ(log.Judge(Entries({4, 5}), 9, false), FeedLog::Fit::kHole);
  EXPECT_EQ(log.Judge(Entries({3, 4}), 1, false), FeedLog::Fit::kWentBack);
}

// Its numbers fit: only what is under them tells.
TEST(FeedLog, AnotherEntryAtTheHeadIsAContradiction) {
  const absl::Time now = kLater - absl::Hours(1);
  FeedLog log;
  EXPECT_FALSE(log.IsContradicted(Entry(1), now));  // nothing is held
  log.Append(Entries({1, 2}));
  EXPECT_FALSE(log.IsContradicted(Entry(2), now));
  storage::Revocation other = Entry(2);
  other.id_hash = Entry(1).id_hash;
  EXPECT_TRUE(log.IsContradicted(other, now));
  EXPECT_TRUE(log.IsContradicted(Entry(2, kLater + absl::Seconds(1)), now));
  other = Entry(2);
  other.kind = storage::RevocationKind::kSession;
  EXPECT_TRUE(log.IsContradicted(other, now));
  other = Entry(2);
  other.min_user_version = 1;
  EXPECT_TRUE(log.IsContradicted(other, now));
}

TEST(FeedLog, NoEntryAtTheHeadIsAContradictionWhileNobodyCanHaveRemovedIt) {
  FeedLog log;
  log.Append(Entries({1, 2}));
  EXPECT_TRUE(log.IsContradicted({}, kLater - FeedLog::kClocksApart - absl::Nanoseconds(1)));
  EXPECT_FALSE(log.IsContradicted({}, kLater - FeedLog::kClocksApart));
  log.Restart({Entry(2)}, 9);  // the store has none at its head
  EXPECT_FALSE(log.IsContradicted({}, kLater - absl::Hours(1)));
}

TEST(FeedLog, BehindAHoleOnlyTheWholePartIsGiven) {
  FeedLog log;
  log.Restart({Entry(2), Entry(5), Entry(6)}, 6);
  EXPECT_TRUE(OutOfRange(log, 3));
  EXPECT_THAT(Seqs(Require(log.After(4, 10))), ElementsAre(5, 6));
}

TEST(FeedLog, AHeadBeyondTheLastEntryIsAHoleToo) {
  FeedLog log;
  log.Restart({Entry(2)}, 9);
  EXPECT_EQ(log.head(), 9);
  EXPECT_TRUE(OutOfRange(log, 8));
  EXPECT_THAT(Seqs(Require(log.After(9, 10))), ElementsAre());
}

TEST(FeedLog, ARestartTakesThePlaceOfWhatWasHeld) {
  FeedLog log;
  log.Append(Entries({1, 2, 3}));
  log.Restart({Entry(1)}, 1);
  EXPECT_EQ(log.head(), 1);
  EXPECT_THAT(Seqs(Require(log.After(0, 10))), ElementsAre(1));
}

TEST(FeedLog, NoMoreThanTheNewestAreHeld) {
  FeedLog log;
  constexpr auto kMost = static_cast<int64_t>(FeedLog::kMostEntries);
  std::vector<int64_t> seqs;
  for (int64_t seq = 1; seq <= kMost; ++seq) seqs.push_back(seq);
  log.Append(Entries(seqs));
  EXPECT_TRUE(log.After(0, 1).ok());
  log.Append(Entries({kMost + 1, kMost + 2}));
  EXPECT_EQ(log.size(), FeedLog::kMostEntries);
  EXPECT_TRUE(OutOfRange(log, 1));
  EXPECT_THAT(Seqs(Require(log.After(2, 1))), ElementsAre(3));
}

}  // namespace
}  // namespace tessera::server
