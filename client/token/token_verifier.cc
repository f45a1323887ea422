#include "tessera/token/token_verifier.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/jws.h"
#include "tessera/token/strict_json.h"
#include "tessera/token/token_signer.h"

namespace tessera {
namespace {

absl::Status Refuse(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// RFC 9068 section 4: `at+jwt`, with or without `application/`; media types know no case.
absl::Status CheckType(std::string_view typ) {
  if (absl::EqualsIgnoreCase(View(typ), "at+jwt") ||
      absl::EqualsIgnoreCase(View(typ), "application/at+jwt"))
    return absl::OkStatus();
  return Refuse(reason::kTokenType, "not an access token");
}

absl::Status CheckParties(const Claims& claims, const Expected& expected) {
  if (claims.issuer != expected.issuer)
    return Refuse(reason::kTokenIssuer, "the token is another issuer's");
  if (expected.audience.has_value() && claims.audience != *expected.audience)
    return Refuse(reason::kTokenAudience,
                  absl::StrCat("log in for audience \"", *expected.audience, "\""));
  return absl::OkStatus();
}

}  // namespace

VerifiedToken::VerifiedToken(Claims claims, std::string kid)
    : claims_(std::move(claims)),
      kid_(std::move(kid)),
      token_hash_(IdHashOf(claims_.token_id.str())),
      subject_hash_(IdHashOf(claims_.subject)),
      key_hash_(IdHashOf(kid_)) {
  if (!claims_.session_id.empty()) session_hash_ = IdHashOf(claims_.session_id.str());
  for (const TokenId& parent : claims_.parent_tokens) {
    parent_hashes_.push_back(IdHashOf(parent.str()));
  }
  for (const Actor& actor : claims_.actors) actor_hashes_.push_back(IdHashOf(actor.subject));
}

absl::StatusOr<TokenVerifier> TokenVerifier::Create(Expected expected) {
  if (expected.issuer.empty()) return absl::FailedPreconditionError("no issuer to expect");
  if (expected.audience.has_value() && expected.audience->empty())
    return absl::FailedPreconditionError("the audience to expect is empty");
  if (expected.leeway < absl::ZeroDuration() || expected.leeway > kMaxLeeway)
    return absl::FailedPreconditionError("the leeway is not within 0 and 60 seconds");
  return TokenVerifier(std::move(expected));
}

absl::StatusOr<VerifiedToken> TokenVerifier::Verify(std::string_view text, const JwkSet& keys,
                                                    absl::Time now) const {
  TESSERA_ASSIGN_OR_RETURN(CompactJws jws, ParseCompactJws(text, kMaxTokenBytes));
  // Without `kid` no key can ever be found, so asking for newer keys would be of no use.
  if (jws.header.kid.empty()) return Refuse(reason::kTokenMalformed, "the header has no kid");
  const VerifyKey* const key = keys.Find(jws.header.kid);
  if (key == nullptr) return Refuse(reason::kTokenUnknownKey, "no such key is trusted");
  TESSERA_RETURN_IF_ERROR(VerifyJws(jws, *key));
  TESSERA_ASSIGN_OR_RETURN(Claims claims, ClaimsFromJson(jws.payload));
  TESSERA_RETURN_IF_ERROR(CheckType(jws.header.typ));
  TESSERA_RETURN_IF_ERROR(CheckParties(claims, expected_));
  TESSERA_RETURN_IF_ERROR(CheckTimes(claims, now));
  return VerifiedToken(std::move(claims), std::move(jws.header.kid));
}

absl::Status TokenVerifier::CheckTimes(const Claims& claims, absl::Time now) const {
  const absl::Duration leeway = expected_.leeway;
  if (now >= claims.expires_at + leeway)
    return Refuse(reason::kTokenExpired, "the token has expired");
  if (now < claims.not_before - leeway || now < claims.issued_at - leeway)
    return Refuse(reason::kTokenNotYetValid, "the token is not valid yet");
  return absl::OkStatus();
}

absl::StatusOr<UnverifiedToken> InspectWithoutVerifying(std::string_view text) {
  TESSERA_ASSIGN_OR_RETURN(CompactJws jws, ParseCompactJws(text, kMaxTokenBytes));
  if (!ParseJsonObject(jws.payload, jws.payload.size()).has_value())
    return Refuse(reason::kTokenMalformed, "the payload is not strict JSON");
  return UnverifiedToken{std::move(jws.header_json), std::move(jws.payload)};
}

}  // namespace tessera
