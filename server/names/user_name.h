// User names: which may be, and which are one name (RFC 8265 section 3.3, UsernameCaseMapped).
#ifndef TESSERA_SERVER_NAMES_USER_NAME_H_
#define TESSERA_SERVER_NAMES_USER_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tessera::server {

// Of a folded name.
inline constexpr size_t kMaxUserNameCharacters = 64;
inline constexpr size_t kMaxUserNameBytes = 255;
// No longer text is looked at.
inline constexpr size_t kMaxRawUserNameBytes = 1024;

// The name as it is stored and compared: wide and narrow forms as ordinary ones, lower case, NFC.
// Folding a folded name leaves it. Pure; the same on every machine with the same ICU.
//
// INVALID_ARGUMENT FIELD_INVALID names `field`: empty, too long, no UTF-8, or not of the PRECIS
// IdentifierClass (RFC 8264 section 4.2): only letters, digits, marks and visible ASCII; so no
// space, control, symbol, or anything without a width or that turns the writing; and letters that
// are written from right to left only as the Bidi Rule allows (RFC 5893 section 2).
absl::StatusOr<std::string> FoldUserName(std::string_view name, std::string_view field);

// The beginning of names likewise, for a search: folded, but half a name may end anywhere. Empty
// for what no name can begin with.
// INVALID_ARGUMENT FIELD_INVALID names `field`: too long, or no UTF-8.
absl::StatusOr<std::string> FoldUserNamePrefix(std::string_view prefix, std::string_view field);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_NAMES_USER_NAME_H_
