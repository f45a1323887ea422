// A time of the day in a named time zone: `04:00 Europe/Berlin`.
#ifndef TESSERA_SERVER_CONFIG_RESET_TIME_H_
#define TESSERA_SERVER_CONFIG_RESET_TIME_H_

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace tessera::server {

struct ResetTime {
  int hour = 0;    // 0 to 23
  int minute = 0;  // 0 to 59
  absl::TimeZone zone;
};

// `HH:MM ZONE`, two digits each and one space; the zone by its name in the tz database, which this
// machine must have (package tzdata). Absent: anything else.
std::optional<ResetTime> ParseResetTime(std::string_view text);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CONFIG_RESET_TIME_H_
