#include "server/auth/assertion.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/jws.h"

namespace tessera::server {
namespace {

using Kind = JsonValue::Kind;

// The last second of the year 9999: a NumericDate beyond it is a mistake or an attack.
constexpr int64_t kLastNumericDate = 253402300799;

// `typ`, without `application/`. The default denies: a token of another kind is none of these.
constexpr std::array<absl::string_view, 3> kTypes = {"jwt", "client-authentication+jwt",
                                                     "authorization-grant+jwt"};

absl::Status Refuse(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::Status Malformed(std::string_view text) { return Refuse(reason::kTokenMalformed, text); }

absl::StatusOr<CompactJws> Parse(std::string_view text) {
  return ParseCompactJws(text, kMaxAssertionBytes);
}

bool IsAsymmetric(const VerifyKey& key) {
  switch (key.algorithm()) {
    case Algorithm::kEs256:
    case Algorithm::kEdDsa:
    case Algorithm::kRs256:
      return true;
    case Algorithm::kHs256:
      return false;
  }
  return false;
}

// Null: none, or without `kid` more than one that could be meant.
const VerifyKey* FindKey(const JwsHeader& header, const JwkSet& keys) {
  if (!header.kid.empty()) {
    const VerifyKey* const key = keys.Find(header.kid);
    return key != nullptr && IsAsymmetric(*key) ? key : nullptr;
  }
  const VerifyKey* found = nullptr;
  for (const VerifyKey& key : keys.keys()) {
    if (!IsAsymmetric(key) || AlgorithmName(key.algorithm()) != header.alg) continue;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

absl::Status CheckType(const std::string& typ) {
  if (typ.empty()) return absl::OkStatus();
  absl::string_view name(typ);
  constexpr absl::string_view kApplication = "application/";
  if (absl::StartsWithIgnoreCase(name, kApplication)) name.remove_prefix(kApplication.size());
  const bool known = std::any_of(kTypes.begin(), kTypes.end(), [name](absl::string_view type) {
    return absl::EqualsIgnoreCase(name, type);
  });
  return known ? absl::OkStatus() : Refuse(reason::kTokenType, "not an assertion");
}

// A member that is there must be a string with something in it.
absl::StatusOr<std::string> Text(const JsonValue& payload, std::string_view name) {
  const JsonValue* const value = payload.Find(name);
  if (value == nullptr) return std::string();
  if (!value->Is(Kind::kString) || value->text.empty()) {
    return Malformed("a claim is no text or empty");
  }
  return value->text;
}

absl::StatusOr<std::optional<absl::Time>> Time(const JsonValue& payload, std::string_view name) {
  const JsonValue* const value = payload.Find(name);
  if (value == nullptr) return std::optional<absl::Time>();
  const bool whole = value->Is(Kind::kInteger);
  if (!whole && !value->Is(Kind::kNumber)) return Malformed("a time is no number");
  const double seconds = whole ? static_cast<double>(value->integer) : value->number;
  if (!(seconds >= 0 && seconds <= static_cast<double>(kLastNumericDate))) {
    return Malformed("a time is out of bounds");
  }
  return std::optional<absl::Time>(absl::UnixEpoch() + absl::Seconds(seconds));
}

absl::Status CheckParties(const JsonValue& payload, const AssertionRules& rules) {
  TESSERA_ASSIGN_OR_RETURN(const std::string issuer, Text(payload, "iss"));
  if (rules.issuer.empty() || issuer != rules.issuer) {
    return Refuse(reason::kTokenIssuer, "the assertion is another issuer's");
  }
  TESSERA_ASSIGN_OR_RETURN(const std::string subject, Text(payload, "sub"));
  if (subject.empty()) return Malformed("no subject");
  if (!rules.subject.empty() && subject != rules.subject) {
    return Refuse(reason::kTokenIssuer, "the assertion is about somebody else");
  }
  return absl::OkStatus();
}

absl::Status CheckAudience(const JsonValue& payload, const AssertionRules& rules) {
  const JsonValue* const value = payload.Find("aud");
  if (value == nullptr) return Malformed("no audience");
  bool found = false;
  bool others = false;
  const auto take = [&](const JsonValue& item) {
    if (!item.Is(Kind::kString) || item.text.empty()) return false;
    const bool ours = item.text == rules.audience && !rules.audience.empty();
    found = found || ours;
    others = others || !ours;
    return true;
  };
  const bool read = value->Is(Kind::kArray)
                        ? std::all_of(value->items.begin(), value->items.end(), take)
                        : take(*value);
  if (!read) return Malformed("an audience is no text or empty");
  if (!found) return Refuse(reason::kTokenAudience, "the assertion is for somebody else");
  if (others && rules.audience_alone) {
    return Refuse(reason::kTokenAudience, "the assertion is for others too");
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> CheckTimes(const JsonValue& payload, const AssertionRules& rules,
                                      absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const auto expires_at, Time(payload, "exp"));
  TESSERA_ASSIGN_OR_RETURN(const auto not_before, Time(payload, "nbf"));
  TESSERA_ASSIGN_OR_RETURN(const auto issued_at, Time(payload, "iat"));
  if (!expires_at.has_value()) return Malformed("no expiry");
  if (now >= *expires_at + rules.leeway) {
    return Refuse(reason::kTokenExpired, "the assertion has expired");
  }
  if (now < not_before.value_or(now) - rules.leeway || now < issued_at.value_or(now) - rules.leeway)
    return Refuse(reason::kTokenNotYetValid, "the assertion is not valid yet");
  if (*expires_at - issued_at.value_or(now) > rules.max_life) {
    return Refuse(reason::kTokenExpired, "the assertion lives too long");
  }
  return *expires_at;
}

absl::StatusOr<std::string> CheckId(const JsonValue& payload, const AssertionRules& rules) {
  TESSERA_ASSIGN_OR_RETURN(std::string id, Text(payload, "jti"));
  if (id.empty() && rules.needs_id) return Malformed("no id");
  if (id.size() > kMaxAssertionIdBytes) return Malformed("the id is too long");
  return id;
}

absl::StatusOr<JsonValue> Payload(const CompactJws& jws) {
  std::optional<JsonValue> payload = ParseJsonObject(jws.payload, kMaxAssertionBytes);
  if (!payload.has_value()) return Malformed("the payload is not strict JSON");
  return *std::move(payload);
}

}  // namespace

absl::StatusOr<std::string> UncheckedIssuer(std::string_view text) {
  TESSERA_ASSIGN_OR_RETURN(const CompactJws jws, Parse(text));
  TESSERA_ASSIGN_OR_RETURN(const JsonValue payload, Payload(jws));
  TESSERA_ASSIGN_OR_RETURN(std::string issuer, Text(payload, "iss"));
  if (issuer.empty()) return Malformed("no issuer");
  return issuer;
}

bool LacksKeyFor(std::string_view text, const JwkSet& keys) {
  const absl::StatusOr<CompactJws> jws = Parse(text);
  if (!jws.ok()) return false;
  if (keys.empty()) return true;
  return !jws->header.kid.empty() && keys.Find(jws->header.kid) == nullptr;
}

absl::StatusOr<Assertion> VerifyAssertion(std::string_view text, const JwkSet& keys,
                                          const AssertionRules& rules, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const CompactJws jws, Parse(text));
  const VerifyKey* const key = FindKey(jws.header, keys);
  if (key == nullptr) return Refuse(reason::kTokenUnknownKey, "no such key is trusted");
  TESSERA_RETURN_IF_ERROR(VerifyJws(jws, *key));
  TESSERA_ASSIGN_OR_RETURN(JsonValue payload, Payload(jws));
  TESSERA_RETURN_IF_ERROR(CheckType(jws.header.typ));
  TESSERA_RETURN_IF_ERROR(CheckParties(payload, rules));
  TESSERA_RETURN_IF_ERROR(CheckAudience(payload, rules));
  Assertion assertion;
  TESSERA_ASSIGN_OR_RETURN(assertion.expires_at, CheckTimes(payload, rules, now));
  TESSERA_ASSIGN_OR_RETURN(assertion.id, CheckId(payload, rules));
  assertion.subject = payload.Find("sub")->text;
  assertion.payload = std::move(payload);
  return assertion;
}

}  // namespace tessera::server
