// Argon2id (RFC 9106) with memory that is set aside once for each hashing thread, and what other
// systems hashed with.
#ifndef TESSERA_SERVER_AUTH_PASSWORD_HASHER_H_
#define TESSERA_SERVER_AUTH_PASSWORD_HASHER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr size_t kMaxPasswordBytes = 1024;
// `passwords.min_length`, unless the configuration says otherwise.
inline constexpr size_t kMinPasswordCharacters = 8;

struct HashCost {
  uint32_t memory_kib = 19456;
  uint32_t passes = 2;
  uint32_t lanes = 1;  // more only in imported hashes

  friend bool operator==(const HashCost& a, const HashCost& b) {
    return a.memory_kib == b.memory_kib && a.passes == b.passes && a.lanes == b.lanes;
  }
};

struct LegacyHash;

// Thread-safe. Costs one hash of processor time a call: use it on the hashing lane.
class PasswordHasher {
 public:
  // INVALID_ARGUMENT: memory below 8 MiB or above 1 GiB, passes outside 1 to 16.
  static absl::StatusOr<PasswordHasher> Create(HashCost cost);

  // A PHC string (`$argon2id$v=19$m=...`) with a fresh salt of 16 bytes.
  absl::StatusOr<std::string> Hash(const Secret& password) const;
  // Likewise with this salt (server/auth/phc.h: kSaltBytes), which no other password may get: so
  // the same string for the same password.
  absl::StatusOr<std::string> HashWithSalt(const Secret& password, std::string salt) const;
  // Looks like one of Hash's and costs as much to compare, but no password matches it. Made without
  // hashing.
  std::string HashOfNothing() const;

  // Likewise over what another system stored of a password (server/auth/stored_hash.h).
  absl::StatusOr<std::string> HashOver(const LegacyHash& made, const Secret& hash) const;

  struct Verdict {
    bool matches = false;
    bool outdated = false;    // made with other parameters than today's, or by another system
    bool unreadable = false;  // of no form that is known
  };
  // Whether `password` is the one that `stored` was made of; no password is that of an empty one.
  // `costs` are those of all hashes that are stored (storage::PasswordRepository::HashCosts): it
  // does the work of each, whichever of them `stored` has and whether it has any, so that the time
  // it takes says nothing of whom it is asked about. For logging in, where nobody is known yet.
  // RESOURCE_EXHAUSTED OVERLOADED, here and below: no memory.
  absl::StatusOr<Verdict> Judge(const Secret& password, std::string_view stored,
                                const std::vector<std::string>& costs) const;

  // As Judge, where it may be seen whose password it is. INTERNAL: `stored` is of no known form.
  absl::StatusOr<Verdict> Verify(const Secret& password, std::string_view stored) const;
  // Takes as long as Verify of a hash of today's cost and is always false.
  absl::StatusOr<Verdict> VerifyDecoy(const Secret& password) const;

  // Today's.
  const HashCost& cost() const { return cost_; }

 private:
  explicit PasswordHasher(HashCost cost) : cost_(cost) {}
  HashCost cost_;
};

// What a hashing thread needs, at most, for hashes of `costs` and for new ones: bytes.
size_t ArenaBytes(const HashCost& todays, const std::vector<std::string>& costs);

// What every password must be before it is hashed (RFC 8265, OpaqueString): UTF-8, each space
// U+0020, NFC-normalised (ICU), free of control, invisible and unassigned characters,
// `min_characters` (code points) to kMaxPasswordBytes, before and after normalising. What RFC 5892
// says of single signs in a row with others (appendix A.3 to A.9) is not asked.
// INVALID_ARGUMENT FIELD_INVALID names `field`. PasswordPolicy asks for more.
absl::StatusOr<Secret> PreparePassword(const Secret& password, std::string_view field,
                                       size_t min_characters = kMinPasswordCharacters);
// Spaces and normalising alone, for logging in; whatever is no text stays as it is and will not
// match.
Secret PrepareForLogin(const Secret& password);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_PASSWORD_HASHER_H_
