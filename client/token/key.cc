#include "tessera/token/key.h"

#include <optional>
#include <utility>

#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/jwk.h"
#include "tessera/token/openssl_key.h"
#include "tessera/token/openssl_ptr.h"
#include "tessera/token/signature.h"
#include "tessera/token/strict_json.h"

namespace tessera {
namespace {

constexpr size_t kRandomKidBytes = 16;

// A JWK's text, read, and wiped on the way out whatever happens.
class ParsedText {
 public:
  explicit ParsedText(std::string_view json) : value_(ParseJsonObject(json, kMaxJwkBytes)) {}
  ParsedText(const ParsedText&) = delete;
  ParsedText& operator=(const ParsedText&) = delete;
  ~ParsedText() {
    if (value_.has_value()) WipeJson(*value_);
  }
  const JsonValue* get() const { return value_.has_value() ? &*value_ : nullptr; }

 private:
  std::optional<JsonValue> value_;
};

absl::Status NotJson() {
  return absl::InvalidArgumentError("JWK: not a strict JSON object, or too large");
}

Jwk PublicPartOf(const Jwk& jwk) {
  if (jwk.algorithm == Algorithm::kHs256) return jwk;
  Jwk part{jwk.algorithm, jwk.kid, {}};
  for (const std::string_view name : {"x", "y", "n", "e"}) {
    if (!jwk.Part(name).empty()) part.parts.emplace_back(name, Secret::CopyOf(jwk.Part(name)));
  }
  return part;
}

}  // namespace

struct VerifyKey::Impl {
  Jwk jwk;  // without private members, but for `oct`
  std::unique_ptr<const SignatureCheck> check;
};

absl::StatusOr<VerifyKey> VerifyKey::FromParts(Jwk jwk) {
  if (jwk.kid.empty()) jwk.kid = JwkThumbprint(jwk);
  std::unique_ptr<const SignatureCheck> check = SignatureCheck::Make(jwk);
  if (check == nullptr) return absl::InvalidArgumentError("JWK: the members make no sound key");
  return VerifyKey(std::make_shared<const Impl>(Impl{std::move(jwk), std::move(check)}));
}

absl::StatusOr<VerifyKey> VerifyKey::FromJson(const JsonValue& json) {
  TESSERA_ASSIGN_OR_RETURN(Jwk jwk, ParseJwk(json, JwkPurpose::kVerify));
  return FromParts(std::move(jwk));
}

absl::StatusOr<VerifyKey> VerifyKey::FromJwk(std::string_view json) {
  const ParsedText parsed(json);
  if (parsed.get() == nullptr) return NotJson();
  return FromJson(*parsed.get());
}

const std::string& VerifyKey::kid() const { return impl_->jwk.kid; }

Algorithm VerifyKey::algorithm() const { return impl_->jwk.algorithm; }

absl::Status VerifyKey::Verify(std::string_view message, std::string_view signature) const {
  const OpenSslErrorScope errors;
  if (impl_->check->Fits(message, signature)) return absl::OkStatus();
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenSignature,
                 "the signature does not fit");
}

std::string VerifyKey::ToPublicJwk() const { return PublicJwkText(impl_->jwk); }

std::string VerifyKey::Thumbprint() const { return JwkThumbprint(impl_->jwk); }

struct SigningKey::Impl {
  Jwk jwk;  // with private members
  std::unique_ptr<const SignatureMaker> maker;
  VerifyKey verify_key;
};

absl::StatusOr<SigningKey> SigningKey::FromParts(Jwk jwk) {
  if (jwk.kid.empty()) jwk.kid = JwkThumbprint(jwk);
  TESSERA_ASSIGN_OR_RETURN(VerifyKey verify_key, VerifyKey::FromParts(PublicPartOf(jwk)));
  std::unique_ptr<const SignatureMaker> maker = SignatureMaker::Make(jwk);
  // Whether the two halves belong together shows best by using them.
  constexpr std::string_view kProbe = "do these two halves belong together?";
  const std::optional<std::string> probe = maker == nullptr ? std::nullopt : maker->Sign(kProbe);
  if (!probe.has_value() || !verify_key.Verify(kProbe, *probe).ok())
    return absl::InvalidArgumentError("JWK: the private members do not belong to the public ones");
  return SigningKey(
      std::make_shared<const Impl>(Impl{std::move(jwk), std::move(maker), std::move(verify_key)}));
}

absl::StatusOr<SigningKey> SigningKey::Generate(Algorithm algorithm) {
  TESSERA_ASSIGN_OR_RETURN(Jwk jwk, GenerateJwk(algorithm));
  if (algorithm == Algorithm::kHs256) jwk.kid = Base64UrlEncode(RandomBytes(kRandomKidBytes));
  return FromParts(std::move(jwk));
}

absl::StatusOr<SigningKey> SigningKey::FromPrivateJwk(std::string_view json) {
  const ParsedText parsed(json);
  if (parsed.get() == nullptr) return NotJson();
  TESSERA_ASSIGN_OR_RETURN(Jwk jwk, ParseJwk(*parsed.get(), JwkPurpose::kSign));
  return FromParts(std::move(jwk));
}

const std::string& SigningKey::kid() const { return impl_->jwk.kid; }

Algorithm SigningKey::algorithm() const { return impl_->jwk.algorithm; }

absl::StatusOr<std::string> SigningKey::Sign(std::string_view message) const {
  std::optional<std::string> signature = impl_->maker->Sign(message);
  if (!signature.has_value()) return absl::InternalError("signing failed");
  return *std::move(signature);
}

VerifyKey SigningKey::ToVerifyKey() const { return impl_->verify_key; }

Secret SigningKey::ToPrivateJwk() const { return PrivateJwkText(impl_->jwk); }

}  // namespace tessera
