#include "tessera/guard/revocation_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

RevocationNotice Notice(RevokedThing thing, int id, int64_t version = 0) {
  return Revoked(thing, std::to_string(id), kNow, version);
}

TEST(RevocationTable, HoldsWhatAMapHolds) {
  RevocationTable table;
  std::map<std::pair<int, int>, int64_t> known;
  for (int i = 0; i < 20'000; ++i) {
    const auto thing = static_cast<RevokedThing>(1 + i % 4);
    const int id = (i * 7919) % 6'000;
    auto& version = known[{static_cast<int>(thing), id}];
    version = std::max<int64_t>(version, i % 100);
    table.Add(Notice(thing, id, i % 100));
  }
  EXPECT_EQ(table.size(), known.size());
  for (int id = 0; id < 6'100; ++id) {
    for (int thing = 1; thing <= 4; ++thing) {
      const auto found = known.find({thing, id});
      const IdHash hash = IdHashOf(std::to_string(id));
      const auto kind = static_cast<RevokedThing>(thing);
      ASSERT_EQ(table.Has(kind, hash), found != known.end()) << thing << " " << id;
      ASSERT_EQ(table.MinVersion(kind, hash), found == known.end() ? 0 : found->second);
    }
  }
}

TEST(RevocationTable, TellsNewsFromWhatIsKnown) {
  RevocationTable table;
  EXPECT_TRUE(table.Add(Notice(RevokedThing::kUser, 1, 5)));
  EXPECT_FALSE(table.Add(Notice(RevokedThing::kUser, 1, 5)));
  EXPECT_FALSE(table.Add(Notice(RevokedThing::kUser, 1, 4)));
  EXPECT_TRUE(table.Add(Notice(RevokedThing::kUser, 1, 6)));
  EXPECT_EQ(table.size(), 1u);
}

TEST(RevocationTable, AVersionAtTheEndOfItsRange) {
  RevocationTable table;
  const IdHash hash = IdHashOf("1");
  table.Add(Notice(RevokedThing::kUser, 1, -5));
  EXPECT_EQ(table.MinVersion(RevokedThing::kUser, hash), 0);
  table.Add(Notice(RevokedThing::kUser, 1, (int64_t{1} << 40) + 3));
  EXPECT_EQ(table.MinVersion(RevokedThing::kUser, hash), (int64_t{1} << 40) + 3);
  table.Add(Notice(RevokedThing::kUser, 1, INT64_MAX));
  EXPECT_EQ(table.MinVersion(RevokedThing::kUser, hash), (int64_t{1} << 61) - 1);
}

TEST(RevocationTable, PruningForgetsWhatExpiredAndKeepsTheRest) {
  RevocationTable table;
  for (int i = 0; i < 5'000; ++i) {
    RevocationNotice notice = Notice(RevokedThing::kToken, i);
    notice.expires_at = kNow + absl::Seconds(i % 10);
    table.Add(notice);
  }
  EXPECT_FALSE(table.HasExpired(kNow));
  EXPECT_TRUE(table.HasExpired(kNow + absl::Nanoseconds(1)));
  const size_t before = table.bytes();
  const RevocationTable::Counts gone = table.Prune(kNow + absl::Seconds(9));
  EXPECT_EQ(gone[static_cast<size_t>(RevokedThing::kToken)], 4'500u);
  EXPECT_EQ(table.size(), 500u);
  EXPECT_LT(table.bytes(), before / 4);
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_EQ(table.Has(RevokedThing::kToken, IdHashOf(std::to_string(i))), i % 10 == 9) << i;
  }
  table.Prune(kNow + absl::Hours(1));
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_FALSE(table.Has(RevokedThing::kToken, IdHashOf("9")));
  EXPECT_TRUE(table.Add(Notice(RevokedThing::kToken, 9)));
}

TEST(RevocationTable, AnExpiryOutsideItsRangeNeverComesEarly) {
  RevocationTable table;
  for (const absl::Time end : {absl::InfiniteFuture(), absl::FromUnixSeconds(int64_t{1} << 33)}) {
    RevocationNotice notice = Notice(RevokedThing::kToken, static_cast<int>(table.size()));
    notice.expires_at = end;
    table.Add(notice);
  }
  EXPECT_FALSE(table.HasExpired(absl::FromUnixSeconds(int64_t{1} << 40)));
  table.Prune(absl::FromUnixSeconds(int64_t{1} << 40));
  EXPECT_EQ(table.size(), 2u);
}

// Hashes that are alike where the order is taken from make one long run, not one ever larger table.
TEST(RevocationTable, LikeHashesOnlyMakeARun) {
  RevocationTable table;
  RevocationNotice notice = Notice(RevokedThing::kToken, 0);
  notice.id_hash.fill(0xff);
  for (uint16_t i = 0; i < 2'000; ++i) {
    std::memcpy(notice.id_hash.data(), &i, sizeof(i));
    ASSERT_TRUE(table.Add(notice));
  }
  EXPECT_EQ(table.size(), 2'000u);
  EXPECT_LT(table.bytes(), 2'000u * 128);
  for (uint16_t i = 0; i < 2'001; ++i) {
    std::memcpy(notice.id_hash.data(), &i, sizeof(i));
    ASSERT_EQ(table.Has(RevokedThing::kToken, notice.id_hash), i < 2'000) << i;
  }
}

// The promise of 64 bytes, at every size; tests/bench measures it as resident memory.
TEST(RevocationTable, NeverTakesMoreThanSixtyFourBytesForEach) {
  RevocationTable table;
  double worst = 0;
  for (int i = 0; i < 30'000; ++i) {
    table.Add(Notice(RevokedThing::kToken, i));
    if (i >= 100) {
      worst = std::max(worst, static_cast<double>(table.bytes()) / static_cast<double>(i + 1));
    }
  }
  EXPECT_LE(worst, 64);
  EXPECT_GE(worst, 28);
}

}  // namespace
}  // namespace tessera::guard
