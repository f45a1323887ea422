#include "server/auth/service_secret.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr std::string_view kTagContext = "tessera/secret-tag/v1";
constexpr std::string_view kHashContext = "tessera/secret/v1";
constexpr std::string_view kIdCharacters = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kIdBytes = 26;
constexpr size_t kRandomBytes = 24;
constexpr size_t kTagBytes = 8;
constexpr size_t kEncodedBytes = 43;  // of both together
constexpr size_t kTextBytes = kServiceSecretPrefix.size() + kIdBytes + kEncodedBytes;
constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

absl::Status KeyMissing() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the key that secrets are hashed with is not loaded yet", kRetryForKey);
}

absl::Status Malformed() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed,
                 "not a service account's secret");
}

std::string Mac(const Secret& key, std::string_view context, std::string_view body) {
  std::string message(context);
  message.append(body);
  const Sha256Digest mac = HmacSha256(key.Reveal(), message);
  WipeString(message);
  return {mac.begin(), mac.end()};
}

// `body`: the id and the random bytes.
std::string TagOf(const Secret& key, std::string_view body) {
  return Mac(key, kTagContext, body).substr(0, kTagBytes);
}

// Bound to the account too: a row that is moved to another one fits nothing.
std::string HashOf(const Secret& key, const ServiceId& account, const Secret& text) {
  std::string body(account.str());
  body.append(1, '\0').append(text.Reveal());
  std::string hash = Mac(key, kHashContext, body);
  WipeString(body);
  return hash;
}

bool FitsAnyKey(std::string_view body, std::string_view tag, const KeySnapshot& keys) {
  return std::any_of(keys.secret_hashes.begin(), keys.secret_hashes.end(), [&](const auto& entry) {
    return Secret::ConstantTimeEqual(TagOf(entry.second, body), tag);
  });
}

const Secret& TextOf(const ServiceCredential& credential) {
  return std::get<SecretCredential>(credential).secret;
}

// What the store says of a secret, in one consistent view.
struct Found {
  std::optional<storage::ServiceSecret> secret;
  std::optional<storage::ServiceAccount> account;
};

absl::StatusOr<Found> Find(storage::Store& store, absl::Time deadline, const SecretId& id) {
  Found found;
  TESSERA_RETURN_IF_ERROR(store.Read(deadline, [&](storage::Repositories& in) -> absl::Status {
    found = Found();
    TESSERA_ASSIGN_OR_RETURN(found.secret, in.services.FindSecret(id));
    if (!found.secret.has_value()) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(found.account, in.services.Find(found.secret->service_id));
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace

absl::StatusOr<NewServiceSecret> MintServiceSecret(const ServiceId& account,
                                                   const KeySnapshot& keys, absl::Time now) {
  const auto key = keys.secret_hashes.find(keys.secret_hash_kid);
  if (key == keys.secret_hashes.end()) return KeyMissing();
  NewServiceSecret minted;
  minted.row.id = SecretId::Random(now);
  const std::string_view id =
      std::string_view(minted.row.id.str()).substr(SecretId::kPrefix.size());
  std::string random = RandomBytes(kRandomBytes);
  std::string body(id);
  body.append(random);
  random.append(TagOf(key->second, body));
  std::string encoded = Base64UrlEncode(random);
  minted.text = Secret(std::string(kServiceSecretPrefix).append(id).append(encoded));
  WipeString(random);
  WipeString(body);
  WipeString(encoded);
  minted.row.service_id = account;
  minted.row.hash = HashOf(key->second, account, minted.text);
  minted.row.hash_kid = key->first;
  minted.row.created_at = now;
  return minted;
}

absl::StatusOr<SecretId> ReadServiceSecret(const Secret& text, const KeySnapshot& keys) {
  std::string_view rest = text.Reveal();
  if (rest.size() != kTextBytes) return Malformed();
  if (rest.substr(0, kServiceSecretPrefix.size()) != kServiceSecretPrefix) return Malformed();
  rest.remove_prefix(kServiceSecretPrefix.size());
  const std::string_view id = rest.substr(0, kIdBytes);
  if (id.find_first_not_of(kIdCharacters) != id.npos) return Malformed();
  std::optional<std::string> decoded = Base64UrlDecode(rest.substr(kIdBytes));
  if (!decoded.has_value()) return Malformed();
  const Secret content(*std::move(decoded));
  if (content.Reveal().size() != kRandomBytes + kTagBytes) return Malformed();
  if (keys.secret_hashes.empty()) return KeyMissing();
  const Secret body(std::string(id).append(content.Reveal().substr(0, kRandomBytes)));
  if (!FitsAnyKey(body.Reveal(), content.Reveal().substr(kRandomBytes), keys)) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenSignature,
                   "the secret is not one of this server's");
  }
  return SecretId(std::string(SecretId::kPrefix).append(id));
}

absl::StatusOr<bool> IsServiceSecret(const Secret& text, const storage::ServiceSecret& row,
                                     const KeySnapshot& keys) {
  const auto key = keys.secret_hashes.find(row.hash_kid);
  if (key == keys.secret_hashes.end()) return KeyMissing();
  return Secret::ConstantTimeEqual(HashOf(key->second, row.service_id, text), row.hash);
}

bool IsAlive(const storage::ServiceSecret& secret, absl::Time now) {
  return !secret.expires_at.has_value() || now < *secret.expires_at;
}

absl::Status ServiceSecretCheck::Screen(const CallInfo&,
                                        const ServiceCredential& credential) const {
  return ReadServiceSecret(TextOf(credential), *parts_.keys.Current()).status();
}

absl::StatusOr<ServiceProof> ServiceSecretCheck::Prove(const CallInfo& call,
                                                       const ServiceCredential& credential) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const absl::StatusOr<SecretId> id = ReadServiceSecret(TextOf(credential), *keys);
  if (absl::IsUnauthenticated(id.status())) return Unproven{ReasonOf(id.status()), ServiceId()};
  TESSERA_RETURN_IF_ERROR(id.status());
  TESSERA_ASSIGN_OR_RETURN(Found found, Find(parts_.store, call.deadline, *id));
  if (!found.secret.has_value()) return Unproven{"unknown_secret", ServiceId()};
  const ServiceId& claimed = found.secret->service_id;
  TESSERA_ASSIGN_OR_RETURN(const bool right,
                           IsServiceSecret(TextOf(credential), *found.secret, *keys));
  if (!right) return Unproven{"wrong_secret", claimed};
  if (!IsAlive(*found.secret, parts_.clock.Now())) return Unproven{"expired_secret", claimed};
  if (!found.account.has_value()) return Unproven{"unknown_account", claimed};
  return ProvenService{*std::move(found.account), "secret", ""};
}

}  // namespace tessera::server
