#include "server/config/reset_time.h"

#include <string>

namespace tessera::server {
namespace {

constexpr size_t kClockBytes = 5;  // `HH:MM`
constexpr std::string_view kDigits = "0123456789";
// absl takes file names too; a name of the database has none of a path's tricks.
constexpr std::string_view kZoneCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-";

// Two digits below `end`.
std::optional<int> TwoDigits(std::string_view text, int end) {
  if (text.size() != 2 || text.find_first_not_of(kDigits) != text.npos) return std::nullopt;
  const int number = (text[0] - '0') * 10 + (text[1] - '0');
  return number < end ? std::optional<int>(number) : std::nullopt;
}

bool IsZoneName(std::string_view name) {
  return !name.empty() && name.front() != '/' &&
         name.find_first_not_of(kZoneCharacters) == name.npos;
}

}  // namespace

std::optional<ResetTime> ParseResetTime(std::string_view text) {
  if (text.size() <= kClockBytes + 1 || text[2] != ':' || text[kClockBytes] != ' ') {
    return std::nullopt;
  }
  const std::optional<int> hour = TwoDigits(text.substr(0, 2), 24);
  const std::optional<int> minute = TwoDigits(text.substr(3, 2), 60);
  const std::string zone(text.substr(kClockBytes + 1));
  ResetTime time;
  if (!hour.has_value() || !minute.has_value() || !IsZoneName(zone)) return std::nullopt;
  if (!absl::LoadTimeZone(zone, &time.zone)) return std::nullopt;
  time.hour = *hour;
  time.minute = *minute;
  return time;
}

}  // namespace tessera::server
