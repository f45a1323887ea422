#include "tessera/guard/decision.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::guard {
namespace {

constexpr absl::Duration kStaleRetry = absl::Seconds(1);
// In `amr` of whoever logged in with more than one factor (RFC 8176).
constexpr std::string_view kSecondFactorMethod = "mfa";

using KnownPtr = std::shared_ptr<const KnownToken>;

absl::Status Unauthenticated(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::Status Denied(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kPermissionDenied, reason, text);
}

// What the verifier found once and what may have changed since.
absl::Status CheckAgain(const TokenVerifier& verifier, const KnownToken& known, absl::Time now) {
  const Claims& claims = known.token.claims();
  const Expected& expected = verifier.expected();
  if (claims.issuer != expected.issuer) {
    return Unauthenticated(reason::kTokenIssuer, "the token is another issuer's");
  }
  if (expected.audience.has_value() && claims.audience != *expected.audience) {
    return Unauthenticated(reason::kTokenAudience,
                           "log in for audience \"" + *expected.audience + "\"");
  }
  return verifier.CheckTimes(claims, now);
}

// A revoked key is in no set any more, and no fetch brings it back.
absl::Status WhyRefused(const Facts& facts, const absl::Status& refusal) {
  const bool revoked = ReasonOf(refusal) == reason::kTokenUnknownKey &&
                       facts.revocations != nullptr &&
                       facts.revocations->NamesRevokedKey(facts.presented.bearer.token);
  return revoked ? Unauthenticated(reason::kTokenRevoked, "the token's key has been revoked")
                 : refusal;
}

// Whether the list of revocations is whole, and young enough for the rule.
absl::Status CheckView(const Facts& facts, const KnownToken&) {
  const absl::Duration most = facts.rule.max_staleness;
  if (facts.revocations == nullptr && most == absl::InfiniteDuration()) return absl::OkStatus();
  if (facts.revocations == nullptr) {
    return Refusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                   "the method asks for revocations, and this service follows none");
  }
  const bool may_be_missing = !facts.without_first_view || facts.revocations->has_holes();
  if (may_be_missing && !facts.revocations->loaded()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                            "the list of revocations is not there yet", kStaleRetry);
  }
  if (most != absl::InfiniteDuration() && facts.revocations->Age() > most) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                            "the list of revocations is too old for this method", kStaleRetry);
  }
  return absl::OkStatus();
}

absl::Status CheckNotRevoked(const Facts& facts, const KnownToken& known) {
  if (facts.revocations == nullptr || !facts.revocations->IsRevoked(known.token)) {
    return absl::OkStatus();
  }
  return Unauthenticated(reason::kTokenRevoked, "the token has been revoked");
}

// A token that is bound to a certificate counts with it only, whatever the rule.
absl::Status CheckCertificate(const Facts& facts, const KnownToken& known) {
  const std::string& bound_to = known.token.claims().certificate;
  if (bound_to.empty()) {
    if (!facts.rule.certificate_bound) return absl::OkStatus();
    return Denied(reason::kCertificateRequired,
                  "the method asks for a token that is bound to a client certificate");
  }
  const Peer* const peer = facts.presented.peer;
  if (peer != nullptr && peer->CertificateThumbprint() == bound_to) return absl::OkStatus();
  return Unauthenticated(reason::kCertificateMismatch,
                         "the token is bound to another client certificate");
}

absl::Status CheckDevice(const Facts& facts, const KnownToken& known) {
  const Claims& claims = known.token.claims();
  if (!facts.rule.device_bound) return absl::OkStatus();
  if (claims.device_hash.empty()) {
    return Denied(reason::kDeviceRequired, "the method asks for a token that is bound to a device");
  }
  const Presented& shown = facts.presented;
  if (shown.device_id.empty() || shown.several_devices ||
      DeviceHash(shown.device_id) != claims.device_hash) {
    return Unauthenticated(reason::kDeviceMismatch, "the token is bound to another device");
  }
  return absl::OkStatus();
}

bool IsOfKind(PrincipalKind caller, CallerKind wanted) {
  switch (wanted) {
    case CallerKind::kAny:
      return true;
    case CallerKind::kUser:
      return caller == PrincipalKind::kUser;
    case CallerKind::kService:
      return caller == PrincipalKind::kService;
  }
  return false;
}

bool HasAny(const std::vector<std::string>& held, const std::vector<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
    return std::find(held.begin(), held.end(), one) != held.end();
  });
}

bool HasAll(const std::vector<std::string>& held, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
    return std::find(held.begin(), held.end(), one) != held.end();
  });
}

bool Names(const std::vector<std::string>& held, std::string_view wanted) {
  return std::find(held.begin(), held.end(), wanted) != held.end();
}

absl::Status CheckKind(const Facts& facts, const KnownToken& known) {
  if (IsOfKind(known.principal->kind, facts.rule.kind)) return absl::OkStatus();
  return Denied(reason::kCallerKind, "the method is for another kind of caller");
}

absl::Status CheckRole(const Facts& facts, const KnownToken& known) {
  const std::vector<std::string>& wanted = facts.rule.any_role;
  if (wanted.empty() || HasAny(known.token.claims().roles, wanted)) return absl::OkStatus();
  return Denied(reason::kRoleRequired, "the method asks for a role that the caller lacks");
}

absl::Status CheckScope(const Facts& facts, const KnownToken& known) {
  const Rule& rule = facts.rule;
  const std::vector<std::string>& held = known.token.claims().scopes;
  const bool any = rule.any_scope.empty() || HasAny(held, rule.any_scope);
  if (any && HasAll(held, rule.all_scopes)) return absl::OkStatus();
  return Denied(reason::kScopeRequired, "the method asks for a scope that the token lacks");
}

absl::Status CheckSecondFactor(const Facts& facts, const KnownToken& known) {
  if (!facts.rule.second_factor || Names(known.token.claims().amr, kSecondFactorMethod)) {
    return absl::OkStatus();
  }
  return Denied(reason::kStepUpRequired, "the method asks for a login with a second factor");
}

absl::Status CheckLoginAge(const Facts& facts, const KnownToken& known) {
  const absl::Duration most = facts.rule.max_login_age;
  if (most == absl::InfiniteDuration()) return absl::OkStatus();
  const std::optional<absl::Time>& logged_in = known.token.claims().auth_time;
  if (logged_in.has_value() && facts.now - *logged_in <= most) return absl::OkStatus();
  return Denied(reason::kStepUpRequired, "the method asks for a more recent login");
}

}  // namespace

absl::Status CheckBearer(const Bearer& bearer) {
  switch (bearer.kind) {
    case Bearer::Kind::kOne:
      return absl::OkStatus();
    case Bearer::Kind::kNone:
      return Unauthenticated(reason::kTokenMissing, "the call carries no token");
    case Bearer::Kind::kSeveral:
      return Unauthenticated(reason::kTokenMultiple, "the call carries more than one token");
    case Bearer::Kind::kForeignCookie:
      return Unauthenticated(reason::kTokenMissing,
                             "a cookie counts only with x-grpc-web and an allowed origin");
    case Bearer::Kind::kMalformed:
      break;
  }
  return Unauthenticated(reason::kTokenMalformed,
                         "what stands where the token is expected is no bearer token");
}

absl::Status CheckAdmission(const Rule& rule) {
  if (rule.admission == Admission::kPublic || rule.admission == Admission::kAuthenticated) {
    return absl::OkStatus();
  }
  return Denied(reason::kMethodUnruled, "the method lets nobody in");
}

absl::StatusOr<KnownPtr> Establish(const TokenVerifier& verifier, const Facts& facts) {
  if (facts.cached != nullptr && facts.cached->keys == facts.keys) {
    TESSERA_RETURN_IF_ERROR(CheckAgain(verifier, *facts.cached, facts.now));
    return facts.cached;
  }
  auto verified = verifier.Verify(facts.presented.bearer.token, *facts.keys, facts.now);
  if (!verified.ok()) return WhyRefused(facts, verified.status());
  return std::make_shared<const KnownToken>(*std::move(verified), facts.keys);
}

// How and when the caller logged in comes last: to log in anew helps only where all else fits.
const std::array<TokenCheck, kTokenChecks>& TokenChecks() {
  static constexpr std::array<TokenCheck, kTokenChecks> kChecks = {{
      {"revocations known", &CheckView},
      {"not revoked", &CheckNotRevoked},
      {"client certificate", &CheckCertificate},
      {"device", &CheckDevice},
      {"kind of caller", &CheckKind},
      {"role", &CheckRole},
      {"scope", &CheckScope},
      {"second factor", &CheckSecondFactor},
      {"login age", &CheckLoginAge},
  }};
  return kChecks;
}

absl::StatusOr<KnownPtr> Decide(const TokenVerifier& verifier, const Facts& facts) {
  TESSERA_RETURN_IF_ERROR(CheckAdmission(facts.rule));
  if (facts.rule.admission == Admission::kPublic) return KnownPtr();
  TESSERA_RETURN_IF_ERROR(CheckBearer(facts.presented.bearer));
  auto known = Establish(verifier, facts);
  if (!known.ok()) return known;
  for (const TokenCheck& check : TokenChecks()) {
    TESSERA_RETURN_IF_ERROR(check.ask(facts, **known));
  }
  return known;
}

}  // namespace tessera::guard
