// From JWK to OpenSSL's key and back. Not part of the public interface.
#ifndef TESSERA_TOKEN_OPENSSL_KEY_H_
#define TESSERA_TOKEN_OPENSSL_KEY_H_

#include "absl/status/statusor.h"
#include "tessera/token/jwk.h"
#include "tessera/token/openssl_ptr.h"

namespace tessera {

// The public key. Null: no such point or number. Not for `oct`.
EvpPkeyPtr MakePublicKey(const Jwk& jwk);

// The key pair, for signing. Null: the members make no key, or contradict each other. Whether an
// RSA key's bare `d` or an Ed25519 key's `d` belongs to the public part shows only in use. Not for
// `oct`.
EvpPkeyPtr MakePrivateKey(const Jwk& jwk);

// A new key without `kid`. INTERNAL: OpenSSL could not.
absl::StatusOr<Jwk> GenerateJwk(Algorithm algorithm);

}  // namespace tessera

#endif  // TESSERA_TOKEN_OPENSSL_KEY_H_
