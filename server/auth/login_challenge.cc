#include "server/auth/login_challenge.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/auth/mac_keys.h"
#include "server/auth/named_texts.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr char kVersion = 1;
constexpr std::string_view kContext = "tessera/challenge/v1";
constexpr size_t kKeyHashBytes = 16;
constexpr size_t kMacBytes = 32;
constexpr size_t kNumberBytes = 8;
constexpr int64_t kBindsCertificate = 1;
constexpr int64_t kIncludesGroups = 2;
constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

// Numbers in eight bytes, texts behind their length.
class Writer {
 public:
  void Number(int64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<char>(static_cast<uint64_t>(number) >> shift));
    }
  }
  void Text(std::string_view text) {
    Number(static_cast<int64_t>(text.size()));
    bytes_.append(text);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads what a Writer wrote; not good() any more if that is not what is there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  int64_t Number() {
    uint64_t number = 0;
    for (const char byte : Take(kNumberBytes)) {
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return static_cast<int64_t>(number);
  }
  std::string Text() {
    const int64_t size = Number();
    good_ = good_ && size >= 0;
    return std::string(Take(good_ ? static_cast<size_t>(size) : 0));
  }
  bool good() const { return good_; }
  bool ended() const { return rest_.empty(); }

 private:
  std::string_view Take(size_t count) {
    if (!good_ || rest_.size() < count) {
      good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::string DeviceOf(const SessionTerms& terms) {
  return terms.device_id.empty() ? terms.device_hash : DeviceHash(terms.device_id);
}

std::string Encode(const LoginChallenge& challenge) {
  const SessionTerms& terms = challenge.terms;
  Writer writer;
  writer.Text(challenge.user_id.str());
  writer.Number(challenge.user_version);
  writer.Number(absl::ToUnixMicros(challenge.expires_at));
  writer.Text(challenge.audience);
  writer.Text(absl::StrJoin(terms.scopes, " "));  // no spaces in them
  writer.Text(EncodeNamedTexts(terms.claims));
  writer.Text(DeviceOf(terms));
  writer.Text(terms.device_label);
  writer.Number((terms.bind_certificate ? kBindsCertificate : 0) |
                (terms.include_groups ? kIncludesGroups : 0));
  writer.Text(challenge.certificate);
  return writer.bytes();
}

absl::StatusOr<LoginChallenge> Decode(std::string_view bytes) {
  Reader reader(bytes);
  LoginChallenge challenge;
  SessionTerms& terms = challenge.terms;
  challenge.user_id = UserId(reader.Text());
  challenge.user_version = reader.Number();
  challenge.expires_at = absl::FromUnixMicros(reader.Number());
  challenge.audience = reader.Text();
  const std::string scopes = reader.Text();
  const std::string claims = reader.Text();
  terms.device_hash = reader.Text();
  terms.device_label = reader.Text();
  const int64_t flags = reader.Number();
  challenge.certificate = reader.Text();
  if (!reader.good() || !reader.ended()) return ChallengeInvalid();
  if (!scopes.empty()) terms.scopes = absl::StrSplit(scopes, ' ');
  TESSERA_ASSIGN_OR_RETURN(terms.claims, DecodeNamedTexts(claims));
  terms.bind_certificate = (flags & kBindsCertificate) != 0;
  terms.include_groups = (flags & kIncludesGroups) != 0;
  return challenge;
}

struct Parts {
  std::string body;
  std::string mac;
};

// Nothing for what is no challenge of this version.
std::optional<Parts> Split(const Secret& token) {
  std::string_view text = token.Reveal();
  if (text.substr(0, kChallengePrefix.size()) != kChallengePrefix) return std::nullopt;
  text.remove_prefix(kChallengePrefix.size());
  const std::optional<std::string> bytes = Base64UrlDecode(text);
  if (!bytes.has_value() || bytes->size() < 1 + kKeyHashBytes + kMacBytes) return std::nullopt;
  if (bytes->front() != kVersion) return std::nullopt;
  return Parts{bytes->substr(1, bytes->size() - 1 - kMacBytes),
               bytes->substr(bytes->size() - kMacBytes)};
}

}  // namespace

absl::Status ChallengeInvalid() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kChallengeInvalid,
                 "the login was too long ago, or the user has changed since: log in again");
}

absl::StatusOr<Secret> MintChallenge(const LoginChallenge& challenge, const KeySnapshot& keys) {
  const auto key = keys.macs.find(keys.mac_kid);
  if (key == keys.macs.end()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the key that makes challenges is not loaded yet", kRetryForKey);
  }
  const std::string body = MacKeyHash(keys.mac_kid).append(Encode(challenge));
  std::string bytes(1, kVersion);
  bytes.append(body).append(MacUnder(key->second, kContext, keys.store_epoch, body));
  std::string text = Base64UrlEncode(bytes);
  Secret token(std::string(kChallengePrefix).append(text));
  WipeString(bytes);
  WipeString(text);
  return token;
}

bool ChallengeNamesUnknownKey(const Secret& token, const KeySnapshot& keys) {
  const std::optional<Parts> parts = Split(token);
  if (!parts.has_value()) return false;
  const std::string hash = parts->body.substr(0, kKeyHashBytes);
  return keys.revoked_macs.count(hash) == 0 && FindMacKey(keys, hash) == nullptr;
}

absl::StatusOr<LoginChallenge> ReadChallenge(const Secret& token, const KeySnapshot& keys,
                                             absl::Time now) {
  const std::optional<Parts> parts = Split(token);
  if (!parts.has_value()) return ChallengeInvalid();
  const std::string hash = parts->body.substr(0, kKeyHashBytes);
  const Secret* const key = FindMacKey(keys, hash);
  if (key == nullptr || keys.revoked_macs.count(hash) > 0) return ChallengeInvalid();
  const std::string mac = MacUnder(*key, kContext, keys.store_epoch, parts->body);
  if (!Secret::ConstantTimeEqual(mac, parts->mac)) return ChallengeInvalid();
  TESSERA_ASSIGN_OR_RETURN(LoginChallenge challenge,
                           Decode(std::string_view(parts->body).substr(kKeyHashBytes)));
  if (now >= challenge.expires_at) return ChallengeInvalid();
  return challenge;
}

}  // namespace tessera::server
