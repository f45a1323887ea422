// One JSON Web Key taken apart and put together (RFC 7517 section 4, RFC 7518 section 6, RFC 8037
// section 2). Not part of the public interface.
#ifndef TESSERA_TOKEN_JWK_H_
#define TESSERA_TOKEN_JWK_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/token/algorithm.h"
#include "tessera/token/strict_json.h"

namespace tessera {

// The longest private JWK of ours (RSA of 4,096 bits, kid included) needs about 3,500 bytes.
inline constexpr size_t kMaxJwkBytes = size_t{16} * 1024;
inline constexpr size_t kMaxKidBytes = 256;
inline constexpr size_t kMinRsaBits = 2048;
inline constexpr size_t kMaxRsaBits = 4096;
// An RSA public exponent of more would make every check slow.
inline constexpr size_t kMaxRsaExponentBytes = 8;
inline constexpr size_t kMinMacKeyBytes = 32;
inline constexpr size_t kMaxMacKeyBytes = 512;

// A key as its members say, decoded. A plain value.
struct Jwk {
  Algorithm algorithm = Algorithm::kEs256;
  std::string kid;                                         // empty: none given
  std::vector<std::pair<std::string_view, Secret>> parts;  // by member name: `x`, `n`, `d`, ...

  // The bytes of a member; empty if it is not there.
  std::string_view Part(std::string_view name) const;
};

enum class JwkPurpose { kVerify, kSign };

// INVALID_ARGUMENT: not a key of our algorithms, or not one for `purpose`; the message says what is
// wrong and holds nothing of the key. Private members are read for kSign only.
absl::StatusOr<Jwk> ParseJwk(const JsonValue& json, JwkPurpose purpose);

// With `kid`, `alg`, `use`. Empty for `oct`.
std::string PublicJwkText(const Jwk& jwk);
Secret PrivateJwkText(const Jwk& jwk);

// RFC 7638 section 3: SHA-256 over the required members in order, base64url.
std::string JwkThumbprint(const Jwk& jwk);

}  // namespace tessera

#endif  // TESSERA_TOKEN_JWK_H_
