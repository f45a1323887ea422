// The access tokens that come with a renewal.
#ifndef TESSERA_SERVER_AUTH_RENEWAL_TOKENS_H_
#define TESSERA_SERVER_AUTH_RENEWAL_TOKENS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/refresh_token.h"
#include "server/auth/renewal_verdict.h"
#include "server/auth/token_issuer.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {

// Thread-safe; memory only.
class RenewalTokens {
 public:
  // Both must outlive this.
  RenewalTokens(const TokenIssuer& issuer, AuthFacade::Parts parts);

  // How `token` (empty: none came) stands to the refresh token that says `claim`. Its age does not
  // matter, nor whether it was revoked: it shows who was given the two together.
  AccessProof Prove(const Secret& token, const RefreshClaim& claim, const KeySnapshot& keys) const;

  // The session and generation of a token that renews by itself: alive, not revoked, a user's own.
  // INVALID_ARGUMENT FIELD_INVALID: the policy has no such renewal. UNAUTHENTICATED TOKEN_...: not
  // such a token; TOKEN_TYPE for one that was exchanged or has no session. UNAVAILABLE
  // KEYS_UNAVAILABLE, REVOCATION_VIEW_STALE: nothing can be judged yet.
  absl::StatusOr<RefreshClaim> ClaimOf(const Secret& token, const KeySnapshot& keys,
                                       absl::Time now) const;

 private:
  absl::StatusOr<VerifiedToken> Verify(const Secret& token, const KeySnapshot& keys,
                                       absl::Time now) const;

  const TokenIssuer& issuer_;
  AuthFacade::Parts parts_;
  absl::StatusOr<TokenVerifier> verifier_;  // an error only for an impossible policy
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_RENEWAL_TOKENS_H_
