// Secrets that are shown once and stored as keyed hashes: those of service accounts, and tokens
// that set a new password.
//
// A prefix, an id without its own prefix (26 characters), and 43 of base64url: 24 random bytes, and
// the first 8 of HMAC-SHA-256 over the kind's tag context || id || random bytes. So a forged secret
// is refused in memory, and the tag alone lets nobody in.
#ifndef TESSERA_SERVER_AUTH_SHOWN_SECRET_H_
#define TESSERA_SERVER_AUTH_SHOWN_SECRET_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/auth/key_ring.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// What keeps secrets of one kind apart from those of another. Literals.
struct SecretKind {
  std::string_view prefix;  // `tss_`
  std::string_view tag_context;
  std::string_view hash_context;
  std::string_view not_one;  // what to say of other text: `not a service account's secret`
};

struct ShownSecret {
  Secret text;
  std::string hash;      // what to store
  std::string hash_kid;  // the key of use kSecretHash that made it
};

// The hash is bound to `owner` too: moved to another row it fits nothing. `id` has 26 characters.
// UNAVAILABLE KEYS_UNAVAILABLE: no key hashes.
absl::StatusOr<ShownSecret> MintShownSecret(const SecretKind& kind, std::string_view id,
                                            std::string_view owner, const KeySnapshot& keys);

// The id that a secret names, if this server may have made it; says nothing of whether it is good.
// Memory only. UNAUTHENTICATED TOKEN_MALFORMED: not of this form; TOKEN_SIGNATURE: forged.
// UNAVAILABLE KEYS_UNAVAILABLE.
absl::StatusOr<std::string> ReadShownSecret(const SecretKind& kind, const Secret& text,
                                            const KeySnapshot& keys);

// What is stored of one.
struct StoredSecret {
  std::string_view owner;
  std::string_view hash;
  const std::string& hash_kid;
};
// Whether `text` is the secret that is stored so, in constant time; not if the key was called back.
// UNAVAILABLE KEYS_UNAVAILABLE: its key is not loaded yet.
absl::StatusOr<bool> IsShownSecret(const SecretKind& kind, const Secret& text,
                                   const StoredSecret& stored, const KeySnapshot& keys);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SHOWN_SECRET_H_
