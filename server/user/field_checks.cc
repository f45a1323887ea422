#include "server/user/field_checks.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

bool MadeOf(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(), [marks](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           marks.find(c) != std::string_view::npos;
  });
}

bool FitsAsName(std::string_view name, std::string_view marks) {
  return !name.empty() && name.size() <= kMaxNameBytes && MadeOf(name, marks);
}

// Whether the character ends a line, steers a terminal or turns the direction of writing.
bool Steers(UChar32 point) {
  switch (u_charType(point)) {
    case U_CONTROL_CHAR:  // C0, DEL and C1
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
      return true;
    default:
      return u_hasBinaryProperty(point, UCHAR_BIDI_CONTROL) != 0;
  }
}

// Also if it is no UTF-8: nobody knows what a terminal makes of that.
bool MaySteer(std::string_view text) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 point = 0;
    U8_NEXT(bytes, at, size, point);
    if (point < 0 || Steers(point)) return true;
  }
  return false;
}

}  // namespace

absl::Status CheckRoleName(std::string_view name, std::string_view field) {
  if (!FitsAsName(name, "._-")) return FieldInvalid(field, "1 to 64 of a-z 0-9 . _ -");
  return absl::OkStatus();
}

absl::Status CheckDisplayText(std::string_view text, std::string_view field) {
  if (text.size() > kMaxDisplayBytes) return FieldInvalid(field, "at most 256 bytes");
  if (MaySteer(text)) return FieldInvalid(field, "no control characters");
  return absl::OkStatus();
}

}  // namespace tessera::server
