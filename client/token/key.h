// Keys that sign and keys that verify (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
#ifndef TESSERA_TOKEN_KEY_H_
#define TESSERA_TOKEN_KEY_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/token/algorithm.h"

namespace tessera {

struct Jwk;        // jwk.h, not part of the public interface
struct JsonValue;  // strict_json.h, likewise

// Checks signatures of one algorithm. A value, cheap to copy (shares the key). Thread-safe.
class VerifyKey {
 public:
  // From one JWK as JSON text. INVALID_ARGUMENT: not a key of our algorithms (EC P-256, OKP
  // Ed25519, RSA of 2,048 to 4,096 bits with an odd exponent from 65537, oct of 32 to 512 bytes),
  // members missing, doubled or contradictory (`alg`, `use`, `key_ops`), a point off the curve.
  // Without `kid` it gets its thumbprint; an `oct` key must bring a `kid`. Private members are
  // ignored, except for `oct`.
  static absl::StatusOr<VerifyKey> FromJwk(std::string_view json);

  const std::string& kid() const;
  Algorithm algorithm() const;

  // OK if `signature` (raw bytes as in JWS: r||s for ES256) fits `message`.
  // UNAUTHENTICATED TOKEN_SIGNATURE: it does not.
  absl::Status Verify(std::string_view message, std::string_view signature) const;

  // The public JWK as JSON text, with `kid`, `alg`, `use`. Empty for `oct`: a shared key is never
  // published.
  std::string ToPublicJwk() const;

  // RFC 7638 SHA-256 thumbprint, base64url.
  std::string Thumbprint() const;

 private:
  friend class JwkSet;
  friend class SigningKey;
  struct Impl;
  static absl::StatusOr<VerifyKey> FromJson(const JsonValue& json);
  static absl::StatusOr<VerifyKey> FromParts(Jwk jwk);
  explicit VerifyKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// Signs with one algorithm. A value, cheap to copy (shares the key). Thread-safe.
class SigningKey {
 public:
  // A new key: P-256, Ed25519, RSA of 2,048 bits, or 32 random bytes. `kid` is the thumbprint;
  // random for `oct`.
  static absl::StatusOr<SigningKey> Generate(Algorithm algorithm);
  // What ToPrivateJwk gave, or any private JWK of our algorithms. INVALID_ARGUMENT as for
  // VerifyKey.
  static absl::StatusOr<SigningKey> FromPrivateJwk(std::string_view json);

  const std::string& kid() const;
  Algorithm algorithm() const;
  // Raw bytes as in JWS. INTERNAL: OpenSSL failed.
  absl::StatusOr<std::string> Sign(std::string_view message) const;
  VerifyKey ToVerifyKey() const;
  // The private JWK as JSON text, for sealing and storing.
  Secret ToPrivateJwk() const;

 private:
  struct Impl;
  static absl::StatusOr<SigningKey> FromParts(Jwk jwk);
  explicit SigningKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace tessera

#endif  // TESSERA_TOKEN_KEY_H_
