// SHA-256 and what is made of it.
#ifndef TESSERA_TOKEN_DIGEST_H_
#define TESSERA_TOKEN_DIGEST_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera {

using Sha256Digest = std::array<uint8_t, 32>;
// The first 16 bytes of a SHA-256: how the revocation feed names a `jti`, `sid`, `sub` or `kid`.
using IdHash = std::array<uint8_t, 16>;

Sha256Digest Sha256(std::string_view bytes);
Sha256Digest HmacSha256(std::string_view key, std::string_view bytes);
IdHash IdHashOf(std::string_view id);

// Eight hexadecimal characters that name a token in a log without giving it away.
std::string Fingerprint(std::string_view token);

}  // namespace tessera

#endif  // TESSERA_TOKEN_DIGEST_H_
