// Durations as people write them: `15m`, `1h30m`, `250ms`, `30d`.
#ifndef TESSERA_SERVER_CONFIG_DURATION_H_
#define TESSERA_SERVER_CONFIG_DURATION_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace tessera::server {

// Whole numbers, each with a unit (`d h m s ms`), larger units first, each unit at most once.
// Absent for anything else: no unit, a sign, a fraction, a blank, or more than about 292 years.
std::optional<absl::Duration> ParseDuration(std::string_view text);

// The shortest text that ParseDuration reads back. Whole milliseconds, not negative.
std::string DurationText(absl::Duration duration);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CONFIG_DURATION_H_
