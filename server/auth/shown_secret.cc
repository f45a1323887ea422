#include "server/auth/shown_secret.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/auth/key_states.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr std::string_view kIdCharacters = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kIdBytes = 26;
constexpr size_t kRandomBytes = 24;
constexpr size_t kTagBytes = 8;
constexpr size_t kEncodedBytes = 43;  // of both together
constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

absl::Status KeyMissing() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the key that secrets are hashed with is not loaded yet", kRetryForKey);
}

absl::Status Malformed(const SecretKind& kind) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed, kind.not_one);
}

std::string Mac(const Secret& key, std::string_view context, std::string_view body) {
  std::string message(context);
  message.append(body);
  const Sha256Digest mac = HmacSha256(key.Reveal(), message);
  WipeString(message);
  return {mac.begin(), mac.end()};
}

// `body`: the id and the random bytes.
std::string TagOf(const SecretKind& kind, const Secret& key, std::string_view body) {
  return Mac(key, kind.tag_context, body).substr(0, kTagBytes);
}

std::string HashOf(const SecretKind& kind, const Secret& key, std::string_view owner,
                   const Secret& text) {
  std::string body(owner);
  body.append(1, '\0').append(text.Reveal());
  std::string hash = Mac(key, kind.hash_context, body);
  WipeString(body);
  return hash;
}

bool FitsAnyKey(const SecretKind& kind, std::string_view body, std::string_view tag,
                const KeySnapshot& keys) {
  return std::any_of(keys.secret_hashes.begin(), keys.secret_hashes.end(), [&](const auto& entry) {
    return Secret::ConstantTimeEqual(TagOf(kind, entry.second, body), tag);
  });
}

}  // namespace

absl::StatusOr<ShownSecret> MintShownSecret(const SecretKind& kind, std::string_view id,
                                            std::string_view owner, const KeySnapshot& keys) {
  const auto key = keys.secret_hashes.find(keys.secret_hash_kid);
  if (key == keys.secret_hashes.end()) return KeyMissing();
  std::string random = RandomBytes(kRandomBytes);
  std::string body(id);
  body.append(random);
  random.append(TagOf(kind, key->second, body));
  std::string encoded = Base64UrlEncode(random);
  ShownSecret minted;
  minted.text = Secret(std::string(kind.prefix).append(id).append(encoded));
  WipeString(random);
  WipeString(body);
  WipeString(encoded);
  minted.hash = HashOf(kind, key->second, owner, minted.text);
  minted.hash_kid = key->first;
  return minted;
}

absl::StatusOr<std::string> ReadShownSecret(const SecretKind& kind, const Secret& text,
                                            const KeySnapshot& keys) {
  std::string_view rest = text.Reveal();
  if (rest.size() != kind.prefix.size() + kIdBytes + kEncodedBytes) return Malformed(kind);
  if (rest.substr(0, kind.prefix.size()) != kind.prefix) return Malformed(kind);
  rest.remove_prefix(kind.prefix.size());
  const std::string_view id = rest.substr(0, kIdBytes);
  if (id.find_first_not_of(kIdCharacters) != id.npos) return Malformed(kind);
  std::optional<std::string> decoded = Base64UrlDecode(rest.substr(kIdBytes));
  if (!decoded.has_value()) return Malformed(kind);
  const Secret content(*std::move(decoded));
  if (content.Reveal().size() != kRandomBytes + kTagBytes) return Malformed(kind);
  if (keys.secret_hashes.empty()) return KeyMissing();
  const Secret body(std::string(id).append(content.Reveal().substr(0, kRandomBytes)));
  if (!FitsAnyKey(kind, body.Reveal(), content.Reveal().substr(kRandomBytes), keys)) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenSignature,
                   "the secret is not one of this server's");
  }
  return std::string(id);
}

absl::StatusOr<bool> IsShownSecret(const SecretKind& kind, const Secret& text,
                                   const StoredSecret& stored, const KeySnapshot& keys) {
  const auto key = keys.secret_hashes.find(stored.hash_kid);
  if (key == keys.secret_hashes.end()) {
    if (IsCalledBack(keys, stored.hash_kid)) return false;
    return KeyMissing();
  }
  return Secret::ConstantTimeEqual(HashOf(kind, key->second, stored.owner, text), stored.hash);
}

}  // namespace tessera::server
