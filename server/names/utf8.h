// Text between UTF-8 and ICU. Not part of the room's interface.
#ifndef TESSERA_SERVER_NAMES_UTF8_H_
#define TESSERA_SERVER_NAMES_UTF8_H_

#include <unicode/unistr.h>

#include <optional>
#include <string>
#include <string_view>

namespace tessera::server {

// Absent for what is not well-formed.
std::optional<icu::UnicodeString> FromUtf8(std::string_view text);
std::string ToUtf8(const icu::UnicodeString& text);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_NAMES_UTF8_H_
