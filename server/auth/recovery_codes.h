// Recovery codes: for those who have lost their second factor. Shown once, stored as keyed hashes,
// each good once.
//
// `xxxxx-xxxxx` of Crockford's base32 in lower case: 50 random bits.
#ifndef TESSERA_SERVER_AUTH_RECOVERY_CODES_H_
#define TESSERA_SERVER_AUTH_RECOVERY_CODES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/key_ring.h"
#include "storage/records.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr int kRecoveryCodes = 10;

struct NewRecoveryCodes {
  std::vector<Secret> codes;
  std::vector<storage::RecoveryCode> rows;
};

// kRecoveryCodes of them. UNAVAILABLE KEYS_UNAVAILABLE: no key hashes.
absl::StatusOr<NewRecoveryCodes> MintRecoveryCodes(const UserId& user, const KeySnapshot& keys);

// The one of `rows` that `code` is of, if any. Case, spaces and the hyphen do not count, `o` is 0,
// `i` and `l` are 1. What a key hashed that was called back is no
// code any more. UNAVAILABLE KEYS_UNAVAILABLE: a row's key is not loaded yet.
absl::StatusOr<std::optional<storage::RecoveryCode>> FindRecoveryCode(
    const Secret& code, const UserId& user, const std::vector<storage::RecoveryCode>& rows,
    const KeySnapshot& keys);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_RECOVERY_CODES_H_
