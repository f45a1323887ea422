// Password hashes of other systems, as they are stored here.
#ifndef TESSERA_SERVER_AUTH_IMPORTED_HASH_H_
#define TESSERA_SERVER_AUTH_IMPORTED_HASH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/password_hasher.h"
#include "storage/store.h"

namespace tessera::server {

// The most memory that an imported Argon2id hash may take: each hashing thread keeps room for it.
inline constexpr uint32_t kMaxImportedMemoryKib = 64 * 1024;
// Argon2id hashes of so many other costs than today's may be stored at once, for every attempt to
// log in does the work of all of them.
inline constexpr size_t kMaxOtherCosts = 4;
// Likewise of so many classes of legacy cost: bcrypt's costs and kPbkdf2Classes, counted together.
inline constexpr size_t kMaxLegacyClasses = 4;

// What to store for `foreign`: Argon2id as it is, bcrypt and PBKDF2-SHA256 hashed once more with
// Argon2id, so that a stolen one costs as much to try as any other. The next right password of its
// user replaces it. Blocks on the processor: on the hashing lane. FIELD_INVALID names `field`: of
// another form or function, or costs more or less than stored_hash.h and this file allow.
absl::StatusOr<std::string> WrapImportedHash(std::string_view foreign, std::string_view field,
                                             const PasswordHasher& hasher);

// FAILED_PRECONDITION TOO_MANY: with `stored` (as WrapImportedHash made it) there would be
// more costs of Argon2id than kMaxOtherCosts beside today's, or more classes of legacy cost than
// kMaxLegacyClasses. Ask in the transaction that stores it, behind TakeTurn.
absl::Status RefuseIfTooManyCosts(storage::Repositories& repositories, std::string_view stored,
                                  const PasswordHasher& hasher);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_IMPORTED_HASH_H_
