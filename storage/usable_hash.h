// Whether a stored password hash can be that of a password.
#ifndef TESSERA_STORAGE_USABLE_HASH_H_
#define TESSERA_STORAGE_USABLE_HASH_H_

#include <string_view>

namespace tessera::storage {

// How a hash ends that no password has, and that is stored for a user who has none yet: 32 zero
// bytes in base64. In all else it is like any other, so that comparing it costs the same.
inline constexpr std::string_view kUnusableHashEnd = "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

// False: nobody can log in with a password by it.
constexpr bool IsUsableHash(std::string_view password_hash) {
  if (password_hash.empty()) return false;
  return password_hash.size() < kUnusableHashEnd.size() ||
         password_hash.substr(password_hash.size() - kUnusableHashEnd.size()) != kUnusableHashEnd;
}

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_USABLE_HASH_H_
