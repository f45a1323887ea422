// Makes access tokens (RFC 9068: `typ` is `at+jwt`).
#ifndef TESSERA_TOKEN_TOKEN_SIGNER_H_
#define TESSERA_TOKEN_TOKEN_SIGNER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/token/claims.h"
#include "tessera/token/key.h"

namespace tessera {

// No access token is longer, when issued or when verified: gRPC's metadata cap is near.
inline constexpr size_t kMaxTokenBytes = 4096;

// The compact JWS. FAILED_PRECONDITION TOKEN_TOO_LARGE: it would exceed kMaxTokenBytes.
absl::StatusOr<Secret> SignAccessToken(const Claims& claims, const SigningKey& key);

}  // namespace tessera

#endif  // TESSERA_TOKEN_TOKEN_SIGNER_H_
