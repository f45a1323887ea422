// JWK sets in files.
#ifndef TESSERA_GUARD_KEY_FILE_H_
#define TESSERA_GUARD_KEY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"
#include "tessera/token/jwk_set.h"

namespace tessera::guard {

struct KeyFile {
  Secret text;
  // Ours (or root's), and nobody else can read or write it.
  bool is_private = false;
};

// UNAVAILABLE: there is no such regular file, it cannot be read, or it is larger than a JWK set.
absl::StatusOr<KeyFile> ReadKeyFile(const std::string& path);

// Whether a set holds a key that signs as well as it verifies (`oct`).
bool HasSharedKey(const JwkSet& keys);

// A file that keeps the keys of a server for a restart while it is away: a JWK set with one member
// more, `fetched_at`, in seconds since 1970.
struct CachedKeys {
  JwkSet keys;
  absl::Time fetched_at;
};

// UNAVAILABLE: as ReadKeyFile. FAILED_PRECONDITION: it is not private, or holds a shared key.
// INVALID_ARGUMENT: it is not such a file.
absl::StatusOr<CachedKeys> ReadKeyCache(const std::string& path);

// Replaces the file at once, 0600. UNAVAILABLE: it could not be written; what was there stays.
absl::Status WriteKeyCache(const std::string& path, const CachedKeys& cached);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_KEY_FILE_H_
