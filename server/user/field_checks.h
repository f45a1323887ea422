// What names and descriptions may look like.
#ifndef TESSERA_SERVER_USER_FIELD_CHECKS_H_
#define TESSERA_SERVER_USER_FIELD_CHECKS_H_

#include <string_view>

#include "absl/status/status.h"

namespace tessera::server {

inline constexpr size_t kMaxNameBytes = 64;
inline constexpr size_t kMaxDisplayBytes = 256;

// `[a-z0-9._-]{1,64}`. INVALID_ARGUMENT FIELD_INVALID names `field`.
absl::Status CheckRoleName(std::string_view name, std::string_view field);

// Text for people, on one line: UTF-8, at most kMaxDisplayBytes, without control characters (C0,
// DEL, C1), line and paragraph separators, and what sets the direction of writing. INVALID_ARGUMENT
// FIELD_INVALID names `field`.
absl::Status CheckDisplayText(std::string_view text, std::string_view field);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_FIELD_CHECKS_H_
