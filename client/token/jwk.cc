#include "tessera/token/jwk.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera {
namespace {

using Kind = JsonValue::Kind;
using Names = std::array<std::string_view, 6>;  // filled up with empty ones

// What a key of an algorithm is made of.
struct Shape {
  Algorithm algorithm;
  std::string_view kty;
  std::string_view crv;  // empty: no curve
  Names public_parts;
  Names private_parts;
};
constexpr Shape kShapes[] = {
    {Algorithm::kEs256, "EC", "P-256", {"x", "y"}, {"d"}},
    {Algorithm::kEdDsa, "OKP", "Ed25519", {"x"}, {"d"}},
    {Algorithm::kRs256, "RSA", "", {"e", "n"}, {"d", "p", "q", "dp", "dq", "qi"}},
    {Algorithm::kHs256, "oct", "", {}, {"k"}},
};
constexpr size_t kCurveBytes = 32;  // a coordinate or scalar of P-256, a key of Ed25519

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("JWK: ", View(what)));
}

// The text of a member; empty if it is absent or no string.
std::string_view TextOf(const JsonValue& json, std::string_view name) {
  const JsonValue* const value = json.Find(name);
  return value != nullptr && value->Is(Kind::kString) ? std::string_view(value->text)
                                                      : std::string_view();
}

const Shape& ShapeOf(Algorithm algorithm) {
  return *std::find_if(std::begin(kShapes), std::end(kShapes),
                       [&](const Shape& shape) { return shape.algorithm == algorithm; });
}

absl::StatusOr<const Shape*> FindShape(const JsonValue& json) {
  const std::string_view kty = TextOf(json, "kty");
  const std::string_view crv = TextOf(json, "crv");
  for (const Shape& shape : kShapes) {
    if (shape.kty == kty && (shape.crv.empty() || shape.crv == crv)) return &shape;
  }
  return Bad("kty or crv is not one of those served");
}

absl::Status CheckKeyOps(const JsonValue& json, std::string_view needed) {
  const JsonValue* const ops = json.Find("key_ops");
  if (ops == nullptr) return absl::OkStatus();
  if (!ops->Is(Kind::kArray)) return Bad("key_ops is no array");
  bool found = false;
  for (size_t i = 0; i < ops->items.size(); ++i) {
    const JsonValue& op = ops->items[i];
    if (!op.Is(Kind::kString)) return Bad("key_ops holds something else than strings");
    for (size_t j = 0; j < i; ++j) {
      if (ops->items[j].text == op.text) return Bad("key_ops names one twice");
    }
    found = found || op.text == needed;
  }
  return found ? absl::OkStatus() : Bad("key_ops does not allow this use");
}

// RFC 7517 sections 4.2 to 4.4.
absl::Status CheckPurpose(const JsonValue& json, Algorithm algorithm, JwkPurpose purpose) {
  if (json.Find("alg") != nullptr && TextOf(json, "alg") != AlgorithmName(algorithm))
    return Bad("alg does not fit the key");
  if (json.Find("use") != nullptr && TextOf(json, "use") != "sig") return Bad("use is not sig");
  return CheckKeyOps(json, purpose == JwkPurpose::kSign ? "sign" : "verify");
}

absl::StatusOr<std::string> ReadKid(const JsonValue& json, Algorithm algorithm) {
  const std::string_view kid = TextOf(json, "kid");
  if (kid.size() > kMaxKidBytes) return Bad("kid is too long");
  if (kid.empty() && json.Find("kid") != nullptr) return Bad("kid is no string or empty");
  if (kid.empty() && algorithm == Algorithm::kHs256) return Bad("an oct key needs a kid");
  return std::string(kid);
}

absl::Status ReadPart(const JsonValue& json, std::string_view name, Jwk& jwk) {
  std::optional<std::string> bytes = Base64UrlDecode(TextOf(json, name));
  if (!bytes.has_value() || bytes->empty())
    return Bad(absl::StrCat(View(name), " is missing or not base64url"));
  jwk.parts.emplace_back(name, Secret(*std::move(bytes)));
  return absl::OkStatus();
}

absl::Status ReadParts(const JsonValue& json, const Names& names, Jwk& jwk) {
  for (const std::string_view name : names) {
    if (!name.empty()) TESSERA_RETURN_IF_ERROR(ReadPart(json, name, jwk));
  }
  return absl::OkStatus();
}

// RFC 7518 section 6.3.2: `d` alone, or with all of the Chinese remainder's members.
absl::Status ReadPrivateParts(const JsonValue& json, const Shape& shape, Jwk& jwk) {
  if (json.Find("oth") != nullptr) return Bad("more than two primes are not served");
  const bool alone =
      std::none_of(shape.private_parts.begin() + 1, shape.private_parts.end(),
                   [&](std::string_view name) { return json.Find(name) != nullptr; });
  return ReadParts(json, alone ? Names{shape.private_parts[0]} : shape.private_parts, jwk);
}

size_t BitsOf(std::string_view number) {
  size_t bits = number.size() * 8;
  for (unsigned top = static_cast<unsigned char>(number[0]); top < 0x80 && bits > 0; top <<= 1)
    --bits;
  return bits;
}

bool IsOdd(std::string_view number) { return (number.back() & 1) != 0; }

absl::Status CheckRsa(const Jwk& jwk) {
  const std::string_view n = jwk.Part("n"), e = jwk.Part("e");
  if (n[0] == 0 || e[0] == 0) return Bad("n or e begins with a zero byte");
  if (BitsOf(n) < kMinRsaBits || BitsOf(n) > kMaxRsaBits || !IsOdd(n))
    return Bad("n is not an odd number of 2,048 to 4,096 bits");
  if (BitsOf(e) <= 16 || e.size() > kMaxRsaExponentBytes || !IsOdd(e))
    return Bad("e is not an odd number from 65537");
  return absl::OkStatus();
}

absl::Status CheckSizes(const Jwk& jwk) {
  switch (jwk.algorithm) {
    case Algorithm::kEs256:
    case Algorithm::kEdDsa:
      for (const auto& [name, bytes] : jwk.parts) {
        if (bytes.Reveal().size() != kCurveBytes)
          return Bad(absl::StrCat(View(name), " is not 32 bytes long"));
      }
      return absl::OkStatus();
    case Algorithm::kRs256:
      return CheckRsa(jwk);
    case Algorithm::kHs256: {
      const size_t size = jwk.Part("k").size();
      const bool fits = size >= kMinMacKeyBytes && size <= kMaxMacKeyBytes;
      return fits ? absl::OkStatus() : Bad("k is not 32 to 512 bytes long");
    }
  }
  return Bad("unknown algorithm");
}

void AppendMember(std::string_view name, std::string_view value, std::string& json) {
  json.push_back(json.empty() ? '{' : ',');
  json.append(1, '"').append(name).append("\":");
  AppendJsonString(value, json);  // cannot fail: what was read was UTF-8, the rest is ours
}

void AppendParts(const Names& names, const Jwk& jwk, std::string& json) {
  for (const std::string_view name : names) {
    if (name.empty() || jwk.Part(name).empty()) continue;
    std::string text = Base64UrlEncode(jwk.Part(name));
    AppendMember(name, text, json);
    WipeString(text);
  }
}

void AppendDescription(const Jwk& jwk, const Shape& shape, std::string& json) {
  AppendMember("kty", shape.kty, json);
  if (!shape.crv.empty()) AppendMember("crv", shape.crv, json);
  AppendMember("kid", jwk.kid, json);
  AppendMember("alg", AlgorithmName(jwk.algorithm), json);
  AppendMember("use", "sig", json);
}

}  // namespace

std::string_view Jwk::Part(std::string_view name) const {
  for (const auto& [part_name, bytes] : parts) {
    if (part_name == name) return bytes.Reveal();
  }
  return {};
}

absl::StatusOr<Jwk> ParseJwk(const JsonValue& json, JwkPurpose purpose) {
  TESSERA_ASSIGN_OR_RETURN(const Shape* shape, FindShape(json));
  Jwk jwk;
  jwk.algorithm = shape->algorithm;
  TESSERA_RETURN_IF_ERROR(CheckPurpose(json, jwk.algorithm, purpose));
  TESSERA_ASSIGN_OR_RETURN(jwk.kid, ReadKid(json, jwk.algorithm));
  TESSERA_RETURN_IF_ERROR(ReadParts(json, shape->public_parts, jwk));
  if (purpose == JwkPurpose::kSign || jwk.algorithm == Algorithm::kHs256)
    TESSERA_RETURN_IF_ERROR(ReadPrivateParts(json, *shape, jwk));
  TESSERA_RETURN_IF_ERROR(CheckSizes(jwk));
  return jwk;
}

std::string PublicJwkText(const Jwk& jwk) {
  if (jwk.algorithm == Algorithm::kHs256) return {};
  const Shape& shape = ShapeOf(jwk.algorithm);
  std::string json;
  AppendDescription(jwk, shape, json);
  AppendParts(shape.public_parts, jwk, json);
  return json + '}';
}

Secret PrivateJwkText(const Jwk& jwk) {
  const Shape& shape = ShapeOf(jwk.algorithm);
  std::string json;
  json.reserve(kMaxJwkBytes);  // no growing, which would leave copies behind
  AppendDescription(jwk, shape, json);
  AppendParts(shape.public_parts, jwk, json);
  AppendParts(shape.private_parts, jwk, json);
  json.push_back('}');
  Secret text = Secret::CopyOf(json);
  WipeString(json);
  return text;
}

std::string JwkThumbprint(const Jwk& jwk) {
  const Shape& shape = ShapeOf(jwk.algorithm);
  const bool symmetric = jwk.algorithm == Algorithm::kHs256;
  std::vector<std::pair<std::string_view, std::string>> members = {{"kty", std::string(shape.kty)}};
  if (!shape.crv.empty()) members.emplace_back("crv", shape.crv);
  for (const std::string_view name : symmetric ? shape.private_parts : shape.public_parts) {
    if (!name.empty()) members.emplace_back(name, Base64UrlEncode(jwk.Part(name)));
  }
  std::sort(members.begin(), members.end());
  std::string json;
  json.reserve(kMaxJwkBytes);
  for (auto& [name, value] : members) {
    AppendMember(name, value, json);
    WipeString(value);
  }
  json.push_back('}');
  const Sha256Digest digest = Sha256(json);
  WipeString(json);
  return Base64UrlEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace tessera
