#include "server/names/utf8.h"

#include <unicode/bytestream.h>
#include <unicode/utf8.h>

namespace tessera::server {

std::optional<icu::UnicodeString> FromUtf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto length = static_cast<int32_t>(text.size());
  icu::UnicodeString result;
  for (int32_t at = 0; at < length;) {
    UChar32 point = 0;
    U8_NEXT(bytes, at, length, point);
    if (point < 0) return std::nullopt;
    result.append(point);
  }
  return result;
}

std::string ToUtf8(const icu::UnicodeString& text) {
  std::string result;
  text.toUTF8String(result);
  return result;
}

}  // namespace tessera::server
