// RevokeToken and Logout: the token in the request is the credential (RFC 7009).
#ifndef TESSERA_SERVER_AUTH_TOKEN_REVOKER_H_
#define TESSERA_SERVER_AUTH_TOKEN_REVOKER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/known_tokens.h"
#include "server/auth/session_ender.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {

// Thread-safe. See AuthFacade::Revoke and Logout for the errors.
class TokenRevoker {
 public:
  // `verifier` takes any audience, and has the largest leeway that a guard may have: a token that
  // some guard still takes is revoked.
  TokenRevoker(const TokenVerifier& verifier, KnownTokens& known, AuthFacade::Parts parts)
      : verifier_(verifier), known_(known), parts_(parts), ender_(parts) {}

  bool IsRevocable(const Secret& token) const;
  absl::Status Revoke(const CallInfo& call, const Secret& token) const;
  absl::Status Logout(const CallInfo& call, const Secret& refresh_token) const;

 private:
  absl::Status RevokeAccess(const CallInfo& call, const Secret& token) const;
  // Null if it is not.
  KnownTokens::KnownToken Genuine(const Secret& token, absl::Time now) const;

  const TokenVerifier& verifier_;
  KnownTokens& known_;
  AuthFacade::Parts parts_;
  SessionEnder ender_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_TOKEN_REVOKER_H_
