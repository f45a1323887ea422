#include "tessera/cli/output.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"
#include "tessera/cli/wire_status.h"

namespace tessera::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kGap = 2;

struct Character {
  uint32_t point = 0;
  size_t bytes = 0;  // 0: not UTF-8
};

// The character at the head of `text`, which is not empty. Overlong forms and surrogates are not
// UTF-8.
Character Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  uint32_t point = first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    point = (point << 6U) | (byte(i) & 0x3FU);
  }
  const uint32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < least || surrogate || point > 0x10FFFF) return {};
  return {point, length};
}

bool IsHarmful(uint32_t point) {
  struct Range {
    uint32_t first, last;
  };
  // Controls; soft hyphen; Arabic letter mark; zero-width and direction marks; separators and
  // direction overrides; invisible operators and isolates; byte order mark; tags.
  static constexpr Range kHarmful[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},
                                       {0x61C, 0x61C},   {0x200B, 0x200F}, {0x2028, 0x202E},
                                       {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xE0000, 0xE007F}};
  return std::any_of(std::begin(kHarmful), std::end(kHarmful), [point](const Range& range) {
    return point >= range.first && point <= range.last;
  });
}

size_t WidthOf(std::string_view escaped) {
  return static_cast<size_t>(std::count_if(escaped.begin(), escaped.end(), [](char c) {
    return (static_cast<uint8_t>(c) & 0xC0U) != 0x80;
  }));
}

void PrintRow(const std::vector<std::string>& row, const std::vector<size_t>& widths,
              std::ostream& out) {
  for (size_t i = 0; i < row.size(); ++i) {
    out << row[i];
    if (i + 1 < row.size()) out << std::string(widths[i] - WidthOf(row[i]) + kGap, ' ');
  }
  out << '\n';
}

// The text without its reason.
std::string_view BareText(const absl::Status& status, const std::string& why) {
  std::string_view text(status.message().data(), status.message().size());
  if (!why.empty() && text.substr(0, why.size() + 2) == why + ": ")
    text.remove_prefix(why.size() + 2);
  return text;
}

// Told without its own "try again later": when, follows.
std::string_view WithoutLater(std::string_view text) {
  constexpr std::string_view kLater = ": try again later";
  const bool ends_so =
      text.size() > kLater.size() && text.substr(text.size() - kLater.size()) == kLater;
  return ends_so ? text.substr(0, text.size() - kLater.size()) : text;
}

// In whole seconds, never too early.
std::string FormatDelay(absl::Duration delay) {
  constexpr absl::Duration kLeast = absl::Seconds(1);
  return absl::FormatDuration(std::max(absl::Ceil(delay, kLeast), kLeast));
}

ordered_json ErrorJson(const absl::Status& status) {
  const std::string why = ReasonOf(status);
  ordered_json error = {{"code", absl::StatusCodeToString(status.code())},
                        {"reason", why},
                        {"message", std::string(BareText(status, why))}};
  for (const FieldViolation& violation : FieldViolationsOf(status)) {
    error["fields"].push_back({{"field", violation.field}, {"description", violation.description}});
  }
  if (const auto delay = RetryDelayOf(status)) error["retry_after"] = absl::FormatDuration(*delay);
  return error;
}

std::string Dump(const ordered_json& value) {
  return value.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string EscapeForTerminal(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const Character character = Decode(text);
    const size_t bytes = std::max<size_t>(character.bytes, 1);
    if (character.bytes == 0) {
      safe += absl::StrFormat("\\x%02x", static_cast<uint8_t>(text[0]));
    } else if (IsHarmful(character.point)) {
      safe += absl::StrFormat("\\u{%x}", character.point);
    } else if (character.point == '\\') {
      safe += "\\\\";
    } else {
      safe += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return safe;
}

std::string FormatUtc(absl::Time time) {
  if (time == absl::InfinitePast()) return "-";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

void Table::Print(std::ostream& out) const {
  std::vector<std::vector<std::string>> rows = rows_;
  std::vector<size_t> widths(rows.front().size(), 0);
  for (std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = EscapeForTerminal(row[i]);
      // A cell left empty would shift what awk and friends see.
      if (row[i].empty()) row[i] = "-";
      widths[i] = std::max(widths[i], WidthOf(row[i]));
    }
  }
  for (const std::vector<std::string>& row : rows) PrintRow(row, widths, out);
}

void PrintFields(const Fields& fields, std::ostream& out) {
  std::vector<size_t> widths(2, 0);
  for (const auto& [name, value] : fields) widths[0] = std::max(widths[0], WidthOf(name));
  for (const auto& [name, value] : fields) {
    PrintRow({name, value.empty() ? "-" : EscapeForTerminal(value)}, widths, out);
  }
}

void PrintError(const absl::Status& status, bool json, std::ostream& err) {
  if (json) {
    err << Dump({{"error", ErrorJson(status)}}) << std::endl;
    return;
  }
  const std::string why = ReasonOf(status);
  const std::string head = why.empty() ? absl::StatusCodeToString(status.code()) : why;
  const auto delay = RetryDelayOf(status);
  const std::string text(delay.has_value() ? WithoutLater(BareText(status, why))
                                           : BareText(status, why));
  err << "tessera: " << EscapeForTerminal(head) << ": " << EscapeForTerminal(text);
  if (delay.has_value()) err << " (try again in " << FormatDelay(*delay) << ")";
  err << '\n';
  for (const FieldViolation& violation : FieldViolationsOf(status)) {
    if (text.find(violation.field) != std::string::npos) continue;
    err << "  " << EscapeForTerminal(violation.field) << ": "
        << EscapeForTerminal(violation.description) << '\n';
  }
  err.flush();
}

void PrintWarning(std::string_view text, bool json, std::ostream& err) {
  if (json) {
    err << Dump({{"warning", {{"message", std::string(text)}}}}) << std::endl;
  } else {
    err << "tessera: warning: " << EscapeForTerminal(text) << std::endl;
  }
}

}  // namespace tessera::cli
