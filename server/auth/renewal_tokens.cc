#include "server/auth/renewal_tokens.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/auth/revocation_feed.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::StatusOr<TokenVerifier> VerifierOf(const TokenPolicy& policy) {
  Expected expected;
  expected.issuer = policy.issuer;
  expected.leeway = policy.leeway;
  return TokenVerifier::Create(std::move(expected));
}

absl::Status Refuse(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::Status NotYet(std::string_view reason, std::string_view text) {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason, text, absl::Seconds(1));
}

// What was exchanged was given to another party than the session's own.
bool IsSessionsOwn(const Claims& claims) {
  return !claims.session_id.empty() && claims.refresh_generation > 0 && claims.actors.empty() &&
         claims.parent_tokens.empty();
}

}  // namespace

RenewalTokens::RenewalTokens(const TokenIssuer& issuer, AuthFacade::Parts parts)
    : issuer_(issuer), parts_(parts), verifier_(VerifierOf(issuer.policy())) {}

absl::StatusOr<VerifiedToken> RenewalTokens::Verify(const Secret& token, const KeySnapshot& keys,
                                                    absl::Time now) const {
  TESSERA_RETURN_IF_ERROR(verifier_.status());
  if (keys.verify == nullptr || keys.verify->empty()) {
    return NotYet(reason::kKeysUnavailable, "the keys are not loaded yet");
  }
  return verifier_->Verify(token.Reveal(), *keys.verify, now);
}

// Judged at the beginning of its own life, so that only what never changes is asked.
AccessProof RenewalTokens::Prove(const Secret& token, const RefreshClaim& claim,
                                 const KeySnapshot& keys) const {
  if (token.empty()) return AccessProof::kNone;
  const absl::StatusOr<UnverifiedToken> shown = InspectWithoutVerifying(token.Reveal());
  if (!shown.ok()) return AccessProof::kDiffers;
  const absl::StatusOr<Claims> said = ClaimsFromJson(shown->payload_json);
  if (!said.ok()) return AccessProof::kDiffers;
  const auto verified = Verify(token, keys, std::max(said->not_before, said->issued_at));
  if (!verified.ok()) {
    const std::string why = ReasonOf(verified.status());
    const bool unknown = why == reason::kTokenUnknownKey || why == reason::kKeysUnavailable;
    return unknown ? AccessProof::kUnknownKey : AccessProof::kDiffers;
  }
  const Claims& claims = verified->claims();
  const bool fits = IsSessionsOwn(claims) && claims.session_id == claim.session_id &&
                    claims.refresh_generation == claim.generation;
  return fits ? AccessProof::kFits : AccessProof::kDiffers;
}

absl::StatusOr<RefreshClaim> RenewalTokens::ClaimOf(const Secret& token, const KeySnapshot& keys,
                                                    absl::Time now) const {
  if (!issuer_.policy().renewal_by_access_token || token.empty()) {
    return FieldInvalid("refresh_token", "required");
  }
  if (!parts_.feed.view()->loaded()) {
    return NotYet(reason::kRevocationViewStale, "the revocations are not loaded yet");
  }
  TESSERA_ASSIGN_OR_RETURN(const VerifiedToken verified, Verify(token, keys, now));
  const Claims& claims = verified.claims();
  if (!IsSessionsOwn(claims)) return Refuse(reason::kTokenType, "not a token of a user's session");
  if (!issuer_.IsAllowed(claims.audience)) {
    return Refuse(reason::kTokenAudience, "the token is for an audience that is not served");
  }
  if (parts_.feed.view()->IsRevoked(verified)) {
    return Refuse(reason::kTokenRevoked, "the token has been revoked");
  }
  return RefreshClaim{claims.session_id, claims.refresh_generation};
}

}  // namespace tessera::server
