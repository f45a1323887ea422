// The forms in which password hashes are stored, those of other systems among them.
//
//   $argon2id$v=19$m=19456,t=2,p=1$SALT$TAG                            made here, or imported
//   $argon2id-bcrypt$v=19$m=19456,t=2,p=1$c=12$2b,SALT,SALT$TAG        Argon2id over bcrypt's hash
//   $argon2id-pbkdf2-sha256$v=19$m=19456,t=2,p=1$i=300000$260000,SALT,SALT$TAG    likewise
//
// Of two salts the first is the other system's. PBKDF2's rounds stand before it, and rounded up to
// one of kPbkdf2Classes in the field before. All but the last two fields is what a hash costs:
// storage::PasswordRepository::HashCosts lists those.
#ifndef TESSERA_SERVER_AUTH_STORED_HASH_H_
#define TESSERA_SERVER_AUTH_STORED_HASH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/auth/password_hasher.h"

namespace tessera::server {

// What a stored hash may be made of; the upper bounds keep an imported one from being an outage.
inline constexpr uint32_t kMinStoredMemoryKib = 1024;
inline constexpr uint32_t kMaxLanes = 16;
inline constexpr size_t kMinSaltBytes = 8;
inline constexpr size_t kMaxSaltBytes = 64;
inline constexpr size_t kMinTagBytes = 16;
inline constexpr size_t kMaxTagBytes = 64;
inline constexpr uint32_t kMinBcryptCost = 4;
inline constexpr uint32_t kMaxBcryptCost = 12;
inline constexpr size_t kBcryptSaltBytes = 22;  // in bcrypt's own base64
inline constexpr size_t kBcryptHashBytes = 31;  // likewise
inline constexpr uint32_t kMinPbkdf2Rounds = 1000;
inline constexpr uint32_t kMaxPbkdf2Rounds = 1'000'000;
// Every attempt to log in makes as many rounds as the class of the dearest stored hash has, so few
// classes tell little of it, and there can be few rows of costs.
inline constexpr std::array<uint32_t, 5> kPbkdf2Classes = {100'000, 200'000, 300'000, 600'000,
                                                           kMaxPbkdf2Rounds};
inline constexpr size_t kPbkdf2HashBytes = 32;

enum class LegacyScheme { kNone, kBcrypt, kPbkdf2Sha256 };

// How another system hashed a password, but for the hash itself.
struct LegacyHash {
  LegacyScheme scheme = LegacyScheme::kNone;
  uint32_t cost = 0;    // bcrypt's, or PBKDF2's rounds exactly
  std::string variant;  // bcrypt's: `2a`, `2b`, `2y`
  std::string salt;     // bcrypt's in its base64; PBKDF2's bytes
};

struct StoredHash {
  HashCost cost;
  std::string salt;
  std::string tag;    // over the password, or over the legacy hash of it
  LegacyHash legacy;  // kNone: over the password
};

// What one hash costs.
struct StoredCost {
  HashCost cost;
  LegacyScheme scheme = LegacyScheme::kNone;
  uint32_t legacy_cost = 0;  // bcrypt's, or one of kPbkdf2Classes
};
// Of `legacy`, within the bounds above.
uint32_t CostClassOf(const LegacyHash& legacy);

std::string FormatStoredHash(const StoredHash& hash);
// Absent for anything that FormatStoredHash cannot have made within the bounds above.
std::optional<StoredHash> ParseStoredHash(std::string_view text);
// Of all but the last two fields; absent likewise.
std::optional<StoredCost> ParseStoredCost(std::string_view text);

// Another system's own way of writing: `$2b$12$` and 53 characters.
struct ForeignHash {
  LegacyHash made;
  std::string hash;  // bcrypt's in its base64; PBKDF2's bytes
};
std::optional<ForeignHash> ParseBcrypt(std::string_view text);
// `$pbkdf2-sha256$ROUNDS$SALT$HASH`, base64 without padding, with `+` or `.`.
std::optional<ForeignHash> ParsePbkdf2(std::string_view text);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORED_HASH_H_
