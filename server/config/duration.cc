#include "server/config/duration.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tessera::server {
namespace {

struct Unit {
  std::string_view name;
  int64_t milliseconds;
};

// The largest first: the order in which a text names them.
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / 1'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the front of `text`. Absent if there are none, or too many.
std::optional<int64_t> TakeNumber(std::string_view& text) {
  int64_t number = 0;
  size_t used = 0;
  for (; used < text.size() && IsDigit(text[used]); ++used) {
    if (number > kMax / 10) return std::nullopt;
    number = number * 10 + (text[used] - '0');
  }
  if (used == 0) return std::nullopt;
  text.remove_prefix(used);
  return number;
}

// Takes the letters up to the next digit; the index of the unit that they name.
std::optional<size_t> TakeUnit(std::string_view& text) {
  size_t used = 0;
  while (used < text.size() && !IsDigit(text[used])) ++used;
  const std::string_view name = text.substr(0, used);
  text.remove_prefix(used);
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (kUnits[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  size_t next_unit = 0;
  while (!text.empty()) {
    const std::optional<int64_t> number = TakeNumber(text);
    if (!number) return std::nullopt;
    const std::optional<size_t> unit = TakeUnit(text);
    if (!unit || *unit < next_unit) return std::nullopt;
    next_unit = *unit + 1;
    const int64_t scale = kUnits[*unit].milliseconds;
    if (*number > (kMax - total) / scale) return std::nullopt;
    total += *number * scale;
  }
  return absl::Milliseconds(total);
}

std::string DurationText(absl::Duration duration) {
  int64_t rest = absl::ToInt64Milliseconds(duration);
  std::string text;
  for (const Unit& unit : kUnits) {
    const int64_t count = rest / unit.milliseconds;
    rest %= unit.milliseconds;
    if (count > 0) text += std::to_string(count) + std::string(unit.name);
  }
  return text.empty() ? "0s" : text;
}

}  // namespace tessera::server
