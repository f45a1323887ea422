#include "server/auth/refresh_token.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/auth/mac_keys.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr char kVersion = 1;
constexpr std::string_view kContext = "tessera/refresh/v1";
constexpr size_t kEpochBytes = 16;
constexpr size_t kKeyHashBytes = 16;
constexpr size_t kSessionBytes = 26;
constexpr size_t kGenerationBytes = 8;
constexpr size_t kMacBytes = 32;
// What is authenticated besides the epoch: key, session, generation.
constexpr size_t kBodyBytes = kKeyHashBytes + kSessionBytes + kGenerationBytes;
constexpr size_t kTokenBytes = 1 + kBodyBytes + kMacBytes;
constexpr std::string_view kIdCharacters = "0123456789abcdefghjkmnpqrstvwxyz";
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

// The id without its prefix; absent for what Id::Random cannot have made.
std::optional<std::string_view> SessionPart(const SessionId& id) {
  std::string_view text = id.str();
  if (text.substr(0, SessionId::kPrefix.size()) != SessionId::kPrefix) return std::nullopt;
  text.remove_prefix(SessionId::kPrefix.size());
  if (text.size() != kSessionBytes) return std::nullopt;
  if (text.find_first_not_of(kIdCharacters) != text.npos) return std::nullopt;
  return text;
}

bool IsCalledBack(const KeySnapshot& keys, std::string_view hash) {
  return keys.revoked_macs.count(std::string(hash)) > 0;
}

// The decoded bytes; nothing for what is no refresh token of this version.
std::optional<Secret> Decode(const Secret& token) {
  if (!LooksLikeRefreshToken(token.Reveal())) return std::nullopt;
  std::optional<std::string> decoded =
      Base64UrlDecode(token.Reveal().substr(kRefreshTokenPrefix.size()));
  if (!decoded.has_value()) return std::nullopt;
  Secret bytes(*std::move(decoded));
  const std::string_view view = bytes.Reveal();
  if (view.size() != kTokenBytes || view.front() != kVersion) return std::nullopt;
  return bytes;
}

absl::Status Malformed() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed,
                 "not a refresh token");
}

absl::Status Forged() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenSignature,
                 "the refresh token is not one of this server's");
}

absl::Status CalledBack() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kSessionEnded,
                 "the key of this session has been called back: log in again");
}

}  // namespace

bool LooksLikeRefreshToken(std::string_view token) {
  return token.substr(0, kRefreshTokenPrefix.size()) == kRefreshTokenPrefix;
}

absl::StatusOr<Secret> MintRefreshToken(const RefreshClaim& claim, std::string_view mac_kid,
                                        const KeySnapshot& keys) {
  const std::optional<std::string_view> session = SessionPart(claim.session_id);
  if (!session.has_value() || claim.generation < 1 || keys.store_epoch.size() != kEpochBytes) {
    return absl::InternalError("a session that cannot be named in a refresh token");
  }
  if (IsCalledBack(keys, MacKeyHash(mac_kid))) return CalledBack();
  const auto key = keys.macs.find(std::string(mac_kid));
  if (key == keys.macs.end()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the key of this session is not loaded yet", kRetryForKey);
  }
  const std::string body = MacKeyHash(mac_kid).append(*session).append(BigEndian(claim.generation));
  std::string bytes(1, kVersion);
  bytes.append(body).append(MacUnder(key->second, kContext, keys.store_epoch, body));
  std::string text = Base64UrlEncode(bytes);
  Secret token(std::string(kRefreshTokenPrefix).append(text));
  WipeString(bytes);
  WipeString(text);
  return token;
}

bool NamesUnknownKey(const Secret& token, const KeySnapshot& keys) {
  const std::optional<Secret> content = Decode(token);
  if (!content.has_value()) return false;
  const std::string_view hash = content->Reveal().substr(1, kKeyHashBytes);
  return !IsCalledBack(keys, hash) && FindMacKey(keys, hash) == nullptr;
}

absl::StatusOr<RefreshClaim> ParseRefreshToken(const Secret& token, const KeySnapshot& keys) {
  const std::optional<Secret> content = Decode(token);
  if (!content.has_value()) return Malformed();
  const std::string_view bytes = content->Reveal();
  const std::string_view body = bytes.substr(1, kBodyBytes);
  const std::string_view key_hash = body.substr(0, kKeyHashBytes);
  if (IsCalledBack(keys, key_hash)) return CalledBack();
  const Secret* key = FindMacKey(keys, key_hash);
  if (key == nullptr) return Forged();
  const std::string mac = MacUnder(*key, kContext, keys.store_epoch, body);
  if (!Secret::ConstantTimeEqual(mac, bytes.substr(1 + kBodyBytes))) return Forged();

  RefreshClaim claim;
  claim.session_id =
      SessionId(std::string(SessionId::kPrefix).append(body.substr(kKeyHashBytes, kSessionBytes)));
  claim.generation = FromBigEndian(body.substr(kKeyHashBytes + kSessionBytes));
  return claim;
}

}  // namespace tessera::server
