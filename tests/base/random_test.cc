#include "tessera/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace tessera {
namespace {

constexpr absl::Time kNow = absl::FromUnixMillis(1'800'000'000'123);
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

// The 16 bytes behind 26 base32 characters; the two surplus bits lead.
std::array<uint8_t, 16> Decode(std::string_view text) {
  std::array<uint8_t, 16> bytes{};
  for (const char c : text) {
    unsigned carry = static_cast<unsigned>(kAlphabet.find(c));
    for (size_t i = bytes.size(); i-- > 0;) {
      const unsigned shifted = (static_cast<unsigned>(bytes[i]) << 5) | carry;
      bytes[i] = static_cast<uint8_t>(shifted & 0xff);
      carry = shifted >> 8;
    }
  }
  return bytes;
}

uint64_t MillisOf(const std::array<uint8_t, 16>& uuid) {
  uint64_t millis = 0;
  for (size_t i = 0; i < 6; ++i) millis = (millis << 8) | uuid[i];
  return millis;
}

TEST(RandomBytes, HasTheAskedLengthAndDiffersEachTime) {
  EXPECT_EQ(RandomBytes(0).size(), 0u);
  EXPECT_EQ(RandomBytes(1).size(), 1u);
  EXPECT_EQ(RandomBytes(4097).size(), 4097u);
  EXPECT_NE(RandomBytes(32), RandomBytes(32));
}

TEST(RandomBelow, StaysBelowTheBoundAndReachesEveryValue) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 500; ++i) {
    const uint64_t number = RandomBelow(3);
    ASSERT_LT(number, 3u);
    seen.insert(number);
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST(RandomBelow, OneLeavesOnlyZero) { EXPECT_EQ(RandomBelow(1), 0u); }

TEST(RandomBelow, TakesTheLargestBound) { EXPECT_LT(RandomBelow(UINT64_MAX), UINT64_MAX); }

TEST(RandomId, IsThePrefixAnd26CharactersOfLowerCaseCrockfordBase32) {
  const std::string id = RandomId("usr_", kNow);
  ASSERT_EQ(id.size(), 30u);
  EXPECT_EQ(id.substr(0, 4), "usr_");
  EXPECT_EQ(id.find_first_not_of(kAlphabet, 4), std::string::npos) << id;
}

TEST(RandomId, IsAUuidOfVersion7) {
  for (int i = 0; i < 100; ++i) {
    const std::array<uint8_t, 16> uuid = Decode(RandomId("", kNow));
    EXPECT_EQ(uuid[6] >> 4, 7);
    EXPECT_EQ(uuid[8] >> 6, 2);
    EXPECT_EQ(MillisOf(uuid), 1'800'000'000'123u);
  }
}

TEST(RandomId, OfALaterMillisecondSortsBehind) {
  for (int i = 0; i < 100; ++i)
    EXPECT_LT(RandomId("", kNow), RandomId("", kNow + absl::Milliseconds(1)));
}

TEST(RandomId, DiffersWithinOneMillisecond) {
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(RandomId("", kNow));
  EXPECT_EQ(ids.size(), 10'000u);
}

TEST(RandomId, BeforeTheEpochCountsAsTheEpoch) {
  EXPECT_EQ(MillisOf(Decode(RandomId("", absl::FromUnixSeconds(-5)))), 0u);
  EXPECT_EQ(MillisOf(Decode(RandomId("", absl::InfinitePast()))), 0u);
}

}  // namespace
}  // namespace tessera
