// Texts by name, as the store holds them: a user's attributes, the claims that a login asked for.
#ifndef TESSERA_SERVER_AUTH_NAMED_TEXTS_H_
#define TESSERA_SERVER_AUTH_NAMED_TEXTS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tessera::server {

using NamedTexts = std::map<std::string, std::string>;

inline constexpr size_t kMaxTextNameBytes = 64;
inline constexpr size_t kMaxTextValueBytes = 256;

// INVALID_ARGUMENT FIELD_INVALID names `field`: more than `most`, a name that is not 1 to 64 of
// `a-z 0-9 . _ -`, a value of more than 256 bytes or that is not UTF-8.
absl::Status CheckNamedTexts(const NamedTexts& texts, size_t most, std::string_view field);

// One JSON object of strings; empty for none. The texts have passed CheckNamedTexts.
std::string EncodeNamedTexts(const NamedTexts& texts);

// INTERNAL: not what EncodeNamedTexts made.
absl::StatusOr<NamedTexts> DecodeNamedTexts(std::string_view stored);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_NAMED_TEXTS_H_
