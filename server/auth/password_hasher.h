// Argon2id (RFC 9106) with memory that is set aside once for each hashing thread.
#ifndef TESSERA_SERVER_AUTH_PASSWORD_HASHER_H_
#define TESSERA_SERVER_AUTH_PASSWORD_HASHER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr size_t kMaxPasswordBytes = 1024;
// `passwords.min_length`, unless the configuration says otherwise.
inline constexpr size_t kMinPasswordCharacters = 8;

struct HashCost {
  uint32_t memory_kib = 19456;
  uint32_t passes = 2;
};

// Thread-safe. Costs one hash of processor time a call: use it on the hashing lane.
class PasswordHasher {
 public:
  // INVALID_ARGUMENT: memory below 8 MiB or above 1 GiB, passes outside 1 to 16.
  static absl::StatusOr<PasswordHasher> Create(HashCost cost);

  // A PHC string (`$argon2id$v=19$m=...`) with a fresh salt of 16 bytes.
  absl::StatusOr<std::string> Hash(const Secret& password) const;

  struct Verdict {
    bool matches = false;
    bool outdated = false;  // made with other parameters than today's
  };
  // INTERNAL: `phc` is not one of ours. RESOURCE_EXHAUSTED OVERLOADED, here and below: no memory.
  absl::StatusOr<Verdict> Verify(const Secret& password, std::string_view phc) const;
  // Takes as long as Verify and is always false: for names that nobody has.
  absl::StatusOr<Verdict> VerifyDecoy(const Secret& password) const;

 private:
  PasswordHasher(HashCost cost, std::string decoy);
  HashCost cost_;
  std::string decoy_;
};

// What every password must be before it is hashed: UTF-8, NFC-normalised (ICU), free of control
// characters, `min_characters` (code points) to kMaxPasswordBytes, before and after normalising.
// INVALID_ARGUMENT FIELD_INVALID names `field`.
absl::StatusOr<Secret> PreparePassword(const Secret& password, std::string_view field,
                                       size_t min_characters = kMinPasswordCharacters);
// Likewise without the lower limit, for logging in; whatever cannot be a password stays as it is
// and will not match.
Secret PrepareForLogin(const Secret& password);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_PASSWORD_HASHER_H_
