// The hash functions of other systems, for passwords that were imported with them.
#ifndef TESSERA_SERVER_AUTH_LEGACY_HASH_H_
#define TESSERA_SERVER_AUTH_LEGACY_HASH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/auth/stored_hash.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// What the other system would have stored of `password`: 31 characters of bcrypt, 32 bytes of
// PBKDF2; empty, which no hash is, where it could have stored nothing (bcrypt: a zero byte).
// bcrypt takes the first 72 bytes, whatever follows. Blocks on the processor. INTERNAL: the library
// refused.
absl::StatusOr<Secret> RunLegacy(const LegacyHash& made, const Secret& password);

// The same work with nobody's salt.
absl::Status BurnLegacy(LegacyScheme scheme, uint32_t cost, const Secret& password);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_LEGACY_HASH_H_
