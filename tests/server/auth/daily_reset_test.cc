#include "server/auth/daily_reset.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera::server {
namespace {

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

absl::Time Utc(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%E*S", text, &time, &error)) << error;
  return time;
}

std::string Next(const DailyReset& reset, const std::string& now) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S", reset.NextAfter(Utc(now)), absl::UTCTimeZone());
}

TEST(DailyReset, IsTheNextSuchHour) {
  const DailyReset berlin(4, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(berlin, "2026-01-15 02:59:59"), "2026-01-15 03:00:00");
  EXPECT_EQ(Next(berlin, "2026-07-15 23:30:00"), "2026-07-16 02:00:00");
  const DailyReset new_york(4, 0, Zone("America/New_York"));
  EXPECT_EQ(Next(new_york, "2026-01-15 02:59:59"), "2026-01-15 09:00:00");
  EXPECT_EQ(Next(new_york, "2026-07-15 23:30:00"), "2026-07-16 08:00:00");
}

TEST(DailyReset, IsStrictlyLater) {
  const DailyReset berlin(4, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(berlin, "2026-01-15 02:59:59.999999"), "2026-01-15 03:00:00");
  EXPECT_EQ(Next(berlin, "2026-01-15 03:00:00"), "2026-01-16 03:00:00");
  EXPECT_EQ(Next(berlin, "2026-01-15 03:00:00.000001"), "2026-01-16 03:00:00");
}

TEST(DailyReset, TheLocalDayCountsNotTheUtcOne) {
  const DailyReset tokyo(4, 0, Zone("Asia/Tokyo"));
  EXPECT_EQ(Next(tokyo, "2026-01-15 18:59:59"), "2026-01-15 19:00:00");
  EXPECT_EQ(Next(tokyo, "2026-01-15 19:00:00"), "2026-01-16 19:00:00");
  const DailyReset midnight(0, 0, Zone("Pacific/Auckland"));
  EXPECT_EQ(Next(midnight, "2026-01-15 10:59:59"), "2026-01-15 11:00:00");
}

// On 29 March 2026 Berlin's clocks go from 02:00 to 03:00 (01:00 UTC), New York's on 8 March from
// 02:00 to 03:00 (07:00 UTC).
TEST(DailyReset, AnHourThatIsSkippedIsTheMomentOfTheChange) {
  const DailyReset berlin(2, 30, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(berlin, "2026-03-28 12:00:00"), "2026-03-29 01:00:00");
  EXPECT_EQ(Next(berlin, "2026-03-29 00:59:59"), "2026-03-29 01:00:00");
  EXPECT_EQ(Next(berlin, "2026-03-29 01:00:00"), "2026-03-30 00:30:00");
  const DailyReset new_york(2, 30, Zone("America/New_York"));
  EXPECT_EQ(Next(new_york, "2026-03-07 12:00:00"), "2026-03-08 07:00:00");
  EXPECT_EQ(Next(new_york, "2026-03-08 07:00:00"), "2026-03-09 06:30:00");
}

TEST(DailyReset, TheEdgesOfASkippedHour) {
  const DailyReset first(2, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(first, "2026-03-29 00:00:00"), "2026-03-29 01:00:00");
  EXPECT_EQ(Next(first, "2026-03-29 01:00:00"), "2026-03-30 00:00:00");
  const DailyReset behind(3, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(behind, "2026-03-29 00:00:00"), "2026-03-29 01:00:00");
  EXPECT_EQ(Next(behind, "2026-03-29 01:00:00"), "2026-03-30 01:00:00");
  const DailyReset later(4, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(later, "2026-03-28 04:00:00"), "2026-03-29 02:00:00");  // 23 hours after the last
}

// On 25 October 2026 Berlin's clocks go from 03:00 back to 02:00 (01:00 UTC), New York's on 1
// November from 02:00 back to 01:00 (06:00 UTC).
TEST(DailyReset, OfAnHourThatComesTwiceTheFirstOneCountsAndOnlyIt) {
  const DailyReset berlin(2, 30, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(berlin, "2026-10-24 12:00:00"), "2026-10-25 00:30:00");
  EXPECT_EQ(Next(berlin, "2026-10-25 00:30:00"), "2026-10-26 01:30:00");
  EXPECT_EQ(Next(berlin, "2026-10-25 01:29:59"), "2026-10-26 01:30:00");
  const DailyReset new_york(1, 30, Zone("America/New_York"));
  EXPECT_EQ(Next(new_york, "2026-10-31 12:00:00"), "2026-11-01 05:30:00");
  EXPECT_EQ(Next(new_york, "2026-11-01 05:30:00"), "2026-11-02 06:30:00");
}

TEST(DailyReset, TheEdgesOfADoubledHour) {
  const DailyReset first(2, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(first, "2026-10-24 23:59:59"), "2026-10-25 00:00:00");
  EXPECT_EQ(Next(first, "2026-10-25 00:00:00"), "2026-10-26 01:00:00");
  const DailyReset behind(3, 0, Zone("Europe/Berlin"));
  EXPECT_EQ(Next(behind, "2026-10-24 12:00:00"), "2026-10-25 02:00:00");  // 25 hours after the last
  EXPECT_EQ(Next(behind, "2026-10-25 01:30:00"), "2026-10-25 02:00:00");
}

TEST(DailyReset, EveryCivilDayOfAYearHasExactlyOne) {
  for (const char* name : {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}) {
    for (const int hour : {0, 1, 2, 3, 4, 23}) {
      const absl::TimeZone zone = Zone(name);
      const DailyReset reset(hour, 30, zone);
      absl::Time at = reset.NextAfter(Utc("2026-01-01 00:00:00"));
      for (int day = 0; day < 370; ++day) {
        const absl::Time next = reset.NextAfter(at);
        ASSERT_EQ(absl::CivilDay(zone.At(next).cs) - absl::CivilDay(zone.At(at).cs), 1)
            << name << " " << hour << " " << at;
        ASSERT_EQ(reset.NextAfter(next - absl::Nanoseconds(1)), next);
        at = next;
      }
    }
  }
}

}  // namespace
}  // namespace tessera::server
