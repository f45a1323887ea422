// How a password hash is written down: the PHC string format, for Argon2id alone.
#ifndef TESSERA_SERVER_AUTH_PHC_H_
#define TESSERA_SERVER_AUTH_PHC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/auth/password_hasher.h"

namespace tessera::server {

inline constexpr size_t kSaltBytes = 16;
inline constexpr size_t kPasswordTagBytes = 32;
// Bounds of HashCost: below them a hash is too cheap to guard a password, above them it is an
// outage.
inline constexpr uint32_t kMinMemoryKib = 8 * 1024;
inline constexpr uint32_t kMaxMemoryKib = 1024 * 1024;
inline constexpr uint32_t kMaxPasses = 16;

struct Phc {
  HashCost cost;
  std::string salt;  // kSaltBytes
  std::string tag;   // kPasswordTagBytes
};

// What the configuration may ask for: one lane.
bool IsAcceptable(const HashCost& cost);

// The alphabet of RFC 4648 section 4 without padding; absent for what is not canonical.
std::string EncodePhc(std::string_view bytes);
std::optional<std::string> DecodePhc(std::string_view text);
// Digits without leading zeros, within 32 bits and not 0.
std::optional<uint32_t> ParsePhcNumber(std::string_view digits);

// `$argon2id$v=19$m=19456,t=2,p=1$SALT$TAG`, base64 without padding.
std::string FormatPhc(const Phc& phc);

// Absent for anything that FormatPhc cannot have made of an acceptable cost: other functions,
// versions, orders, lengths, more lanes than one, leading zeros, padding.
std::optional<Phc> ParsePhc(std::string_view text);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_PHC_H_
