#include "tessera/guard/decision.h"

#include <algorithm>
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

absl::Status CheckPresented(const Bearer& bearer) {
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
  return Unauthenticated(reason::kTokenMalformed, "the call holds no bearer token where one is");
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

absl::StatusOr<KnownPtr> Establish(const TokenVerifier& verifier, const Facts& facts) {
  if (facts.cached != nullptr && facts.cached->keys == facts.keys) {
    TESSERA_RETURN_IF_ERROR(CheckAgain(verifier, *facts.cached, facts.now));
    return facts.cached;
  }
  auto verified = verifier.Verify(facts.presented.bearer.token, *facts.keys, facts.now);
  if (!verified.ok()) return WhyRefused(facts, verified.status());
  return std::make_shared<const KnownToken>(*std::move(verified), facts.keys);
}

absl::Status CheckRevocation(const Facts& facts, const VerifiedToken& token) {
  const absl::Duration most = facts.rule.max_staleness;
  if (facts.revocations == nullptr && most == absl::InfiniteDuration()) return absl::OkStatus();
  if (facts.revocations == nullptr) {
    return Refusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                   "the method asks for revocations, and this service follows none");
  }
  if (!facts.without_first_view && !facts.revocations->loaded()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                            "the list of revocations is not there yet", kStaleRetry);
  }
  if (most != absl::InfiniteDuration() && facts.revocations->Age() > most) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                            "the list of revocations is too old for this method", kStaleRetry);
  }
  if (facts.revocations->IsRevoked(token)) {
    return Unauthenticated(reason::kTokenRevoked, "the token has been revoked");
  }
  return absl::OkStatus();
}

// What else the call must show, because the token is bound to it.
absl::Status CheckBindings(const Facts& facts, const Claims& claims) {
  if (!claims.certificate.empty()) {
    const Peer* const peer = facts.presented.peer;
    if (peer == nullptr || peer->CertificateThumbprint() != claims.certificate) {
      return Unauthenticated(reason::kCertificateMismatch,
                             "the token is bound to another client certificate");
    }
  }
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

// How and when the caller logged in. Last: to log in anew helps only where all else fits.
absl::Status CheckLogin(const Rule& rule, const Claims& claims, absl::Time now) {
  if (rule.second_factor && !Names(claims.amr, kSecondFactorMethod)) {
    return Denied(reason::kStepUpRequired, "the method asks for a login with a second factor");
  }
  if (rule.max_login_age == absl::InfiniteDuration()) return absl::OkStatus();
  if (!claims.auth_time.has_value() || now - *claims.auth_time > rule.max_login_age) {
    return Denied(reason::kStepUpRequired, "the method asks for a more recent login");
  }
  return absl::OkStatus();
}

absl::Status CheckRule(const Rule& rule, const Principal& caller) {
  const Claims& claims = caller.claims;
  if (!IsOfKind(caller.kind, rule.kind)) {
    return Denied(reason::kCallerKind, "the method is for another kind of caller");
  }
  if (!rule.any_role.empty() && !HasAny(claims.roles, rule.any_role)) {
    return Denied(reason::kRoleRequired, "the method asks for a role that the caller lacks");
  }
  const bool scopes_fit = (rule.any_scope.empty() || HasAny(claims.scopes, rule.any_scope)) &&
                          HasAll(claims.scopes, rule.all_scopes);
  if (!scopes_fit) {
    return Denied(reason::kScopeRequired, "the method asks for a scope that the token lacks");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KnownPtr> Decide(const TokenVerifier& verifier, const Facts& facts) {
  if (facts.rule.admission == Admission::kPublic) return KnownPtr();
  if (facts.rule.admission != Admission::kAuthenticated) {
    return Denied(reason::kMethodUnruled, "the method lets nobody in");
  }
  TESSERA_RETURN_IF_ERROR(CheckPresented(facts.presented.bearer));
  auto known = Establish(verifier, facts);
  if (!known.ok()) return known;
  TESSERA_RETURN_IF_ERROR(CheckRevocation(facts, (*known)->token));
  TESSERA_RETURN_IF_ERROR(CheckBindings(facts, (*known)->token.claims()));
  TESSERA_RETURN_IF_ERROR(CheckRule(facts.rule, *(*known)->principal));
  TESSERA_RETURN_IF_ERROR(CheckLogin(facts.rule, (*known)->token.claims(), facts.now));
  return known;
}

}  // namespace tessera::guard
