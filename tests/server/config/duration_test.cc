#include "server/config/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {

TEST(ParseDuration, KnowsEveryUnit) {
  EXPECT_EQ(ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(ParseDuration("5s"), absl::Seconds(5));
  EXPECT_EQ(ParseDuration("15m"), absl::Minutes(15));
  EXPECT_EQ(ParseDuration("2h"), absl::Hours(2));
  EXPECT_EQ(ParseDuration("30d"), absl::Hours(720));
  EXPECT_EQ(ParseDuration("0s"), absl::ZeroDuration());
}

TEST(ParseDuration, AddsUnitsFromTheLargestDown) {
  EXPECT_EQ(ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(ParseDuration("1d2h3m4s5ms"),
            absl::Hours(26) + absl::Minutes(3) + absl::Seconds(4) + absl::Milliseconds(5));
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "15", "m", "15 m", " 15m", "15m ", "-5s", "+5s", "1.5h", "5S",
                           "5min", "30m1h", "5m5m", "1h30", "1µs", "5s,", "0x5s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(ParseDuration, RefusesOverflowInsteadOfWrapping) {
  EXPECT_TRUE(ParseDuration("106751d").has_value());
  EXPECT_EQ(ParseDuration("106752d"), std::nullopt);
  EXPECT_EQ(ParseDuration("106751d24h"), std::nullopt);
  EXPECT_EQ(ParseDuration("9223372036854775807ms"), std::nullopt);
  EXPECT_EQ(ParseDuration("9223372036854775808d"), std::nullopt);
  EXPECT_EQ(ParseDuration("99999999999999999999999999d"), std::nullopt);
}

TEST(DurationText, IsReadBackAsTheSame) {
  for (const char* text : {"0s", "250ms", "5s", "15m", "1h30m", "30d", "1d2h3m4s5ms"}) {
    EXPECT_EQ(DurationText(*ParseDuration(text)), text);
  }
  EXPECT_EQ(DurationText(absl::Seconds(90)), "1m30s");
}

}  // namespace
}  // namespace tessera::server
