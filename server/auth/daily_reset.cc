#include "server/auth/daily_reset.h"

namespace tessera::server {

// `trans` is the moment of a change that skips the hour; else `pre` is the hour, the first of two.
absl::Time DailyReset::On(absl::CivilDay day) const {
  const absl::CivilSecond asked(day.year(), day.month(), day.day(), hour_, minute_, 0);
  const absl::TimeZone::TimeInfo found = zone_.At(asked);
  return found.kind == absl::TimeZone::TimeInfo::SKIPPED ? found.trans : found.pre;
}

absl::Time DailyReset::NextAfter(absl::Time now) const {
  absl::CivilDay day(zone_.At(now).cs);
  --day;  // where a change at midnight repeats a day, the one before may still be ahead
  while (On(day) <= now) ++day;
  return On(day);
}

}  // namespace tessera::server
