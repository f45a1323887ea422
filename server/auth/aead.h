// Seals bytes: AES-256-GCM with a fresh random nonce (NIST SP 800-38D).
#ifndef TESSERA_SERVER_AUTH_AEAD_H_
#define TESSERA_SERVER_AUTH_AEAD_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr size_t kAeadKeyBytes = 32;

// Nonce of 12 bytes, ciphertext, tag of 16 bytes. It opens only with the same `key`, of
// kAeadKeyBytes, and the same `bound`.
absl::StatusOr<std::string> SealBytes(const Secret& key, std::string_view bound,
                                      const Secret& plain);

// Nothing if `blob` was sealed otherwise, or changed since.
std::optional<Secret> OpenBytes(const Secret& key, std::string_view bound, std::string_view blob);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_AEAD_H_
