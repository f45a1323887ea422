#include "server/auth/device_proof.h"

#include <cstdint>

#include "server/auth/mac_keys.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

constexpr char kVersion = 2;
constexpr std::string_view kContext = "tessera/device-proof/v2";
constexpr size_t kTimeBytes = 8;
constexpr size_t kKeyHashBytes = 16;
constexpr size_t kMacBytes = 32;
constexpr size_t kBodyBytes = 1 + kDeviceNumberBytes + kTimeBytes + kKeyHashBytes;
constexpr size_t kProofBytes = kBodyBytes + kMacBytes;
// A proof from further ahead is of a clock that was set back since; it still tells the device.
constexpr absl::Duration kClockTolerance = absl::Hours(1);
constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

std::string BigEndian(int64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<uint64_t>(number) >> shift));
  }
  return bytes;
}

int64_t FromBigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(number);
}

// Of no epoch: a restored store raises the versions of all users.
std::string MacOf(const Secret& key, std::string_view body, const ProofOwner& owner) {
  return MacUnder(key, kContext, "",
                  std::string(body).append(BigEndian(owner.version)).append(owner.user.str()));
}

const Secret* FindByHash(const KeySnapshot& keys, std::string_view hash) {
  for (const auto& [kid, key] : keys.secret_hashes) {
    if (MacKeyHash(kid) == hash) return &key;
  }
  return nullptr;
}

// The decoded bytes; nothing for what is no proof of this version.
std::optional<std::string> Decode(std::string_view text) {
  if (text.substr(0, kDeviceProofPrefix.size()) != kDeviceProofPrefix) return std::nullopt;
  std::optional<std::string> bytes = Base64UrlDecode(text.substr(kDeviceProofPrefix.size()));
  if (!bytes.has_value() || bytes->size() != kProofBytes) return std::nullopt;
  if (bytes->front() != kVersion) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<std::string> ReadDeviceProof(const Secret& proof, const ProofOwner& owner,
                                           const KeySnapshot& keys, absl::Time now,
                                           absl::Duration life) {
  const std::optional<std::string> bytes = Decode(proof.Reveal());
  if (!bytes.has_value()) return std::nullopt;
  const std::string_view body = std::string_view(*bytes).substr(0, kBodyBytes);
  const Secret* key = FindByHash(keys, body.substr(kBodyBytes - kKeyHashBytes));
  if (key == nullptr) return std::nullopt;
  const std::string mac = MacOf(*key, body, owner);
  if (!Secret::ConstantTimeEqual(mac, std::string_view(*bytes).substr(kBodyBytes))) {
    return std::nullopt;
  }
  if (owner.user.empty()) return std::nullopt;
  const absl::Time given =
      absl::FromUnixSeconds(FromBigEndian(body.substr(1 + kDeviceNumberBytes, kTimeBytes)));
  if (given + life <= now || given > now + kClockTolerance) return std::nullopt;
  return std::string(body.substr(1, kDeviceNumberBytes));
}

absl::StatusOr<Secret> MintDeviceProof(const ProofOwner& owner, std::string_view device,
                                       const KeySnapshot& keys, absl::Time now) {
  const auto key = keys.secret_hashes.find(keys.secret_hash_kid);
  if (key == keys.secret_hashes.end()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the key of device proofs is not loaded yet", kRetryForKey);
  }
  if (owner.user.empty()) return absl::InternalError("a device proof for nobody");
  std::string bytes(1, kVersion);
  bytes.append(device.size() == kDeviceNumberBytes ? std::string(device)
                                                   : RandomBytes(kDeviceNumberBytes));
  bytes.append(BigEndian(absl::ToUnixSeconds(now))).append(MacKeyHash(key->first));
  bytes.append(MacOf(key->second, bytes, owner));
  return Secret(std::string(kDeviceProofPrefix).append(Base64UrlEncode(bytes)));
}

}  // namespace tessera::server
