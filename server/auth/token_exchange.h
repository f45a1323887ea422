// Exchanging a token that a service was sent for one that it may send on (RFC 8693): never wider
// than either party, never longer alive than the token given, and ended with it.
#ifndef TESSERA_SERVER_AUTH_TOKEN_EXCHANGE_H_
#define TESSERA_SERVER_AUTH_TOKEN_EXCHANGE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"
#include "tessera/token/claims.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {

struct ExchangeInput {
  std::shared_ptr<const Claims> caller;  // of the token that the guard admitted the call with
  Secret subject_token;
  std::string audience;             // that the new token is for
  std::vector<std::string> scopes;  // empty: all that both parties have
};

struct ExchangedToken {
  Secret access_token;
  absl::Time expires_at;
  std::vector<std::string> scopes;
};

// Who takes part in an exchange.
struct ExchangeParties {
  const Claims& subject;                   // of the token given: alive, and not revoked
  const Claims& caller;                    // of the caller's own token
  const storage::ServiceAccount& account;  // the caller's, as the store has it now
  const std::optional<ClientCertificate>& certificate;  // of the caller's connection
  // `kid` of the key that signed the subject token, where the new one's is another; else empty.
  std::string subject_key = {};
};

struct ExchangeWish {
  std::string audience;
  std::vector<std::string> scopes;
};

// What the new token says; its `jti` still has to be set. Pure.
// - Subject, session, `uv`, `auth_time`, `amr`, `acr`, `ext` are the subject token's. `rgn` is not:
//   no session is renewed by it.
// - Roles are those of the subject token that the account holds too, now, and that apply to the new
//   audience. Scopes likewise, as far as
//   the server still lists them.
// - It ends when the subject token does, at the latest, and when that is revoked (`pjti`), or the
//   key that signed that (likewise, where it is another), or the caller's account (`act`).
// - `did` is dropped: the service has not the user's device, and a rule that asks for a device
//   refuses the new token. A token that is bound to a certificate, given or the caller's own,
//   becomes one that is bound to the caller's certificate, and without one nothing.
// PERMISSION_DENIED NOT_ALLOWED: the subject token is for an audience that the account does not
// serve, or for tessera itself, or the account's own; the account may not ask for the new audience,
// which is never tessera's; a scope that not both have; a binding that would be lost.
// FAILED_PRECONDITION TOO_MANY: the chain of actors, or `pjti`, would exceed kMaxActors.
// INVALID_ARGUMENT TOKEN_EXPIRED: the subject token has no life left to pass on.
absl::StatusOr<Claims> ExchangedClaims(const ExchangeParties& parties, const ExchangeWish& wish,
                                       const TokenPolicy& policy, absl::Time now);

// Thread-safe, immutable.
class TokenExchange {
 public:
  // All references must outlive the exchange.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
  };
  TokenExchange(TokenPolicy policy, Parts parts);

  // Blocks on the store. As ExchangedClaims, and: PERMISSION_DENIED CALLER_KIND: the caller is no
  // service, or acts for somebody. UNAUTHENTICATED TOKEN_REVOKED: the caller's account is gone,
  // disabled or changed. INVALID_ARGUMENT with one of the TOKEN_ reasons: the subject token is none
  // of ours, not alive, or revoked (not UNAUTHENTICATED, which is about the caller's own token).
  // FAILED_PRECONDITION TOKEN_TOO_LARGE. UNAVAILABLE KEYS_UNAVAILABLE, REVOCATION_VIEW_STALE.
  absl::StatusOr<ExchangedToken> Exchange(const CallInfo& call, const ExchangeInput& input) const;

 private:
  absl::StatusOr<VerifiedToken> Verify(const Secret& token) const;
  absl::StatusOr<VerifiedToken> CheckSubject(const CallInfo& call, const Secret& token) const;
  absl::StatusOr<storage::ServiceAccount> CheckCaller(const CallInfo& call,
                                                      const Claims& caller) const;
  struct Derived {
    Claims claims;
    std::shared_ptr<const KeySnapshot> keys;  // with one that signs
  };
  absl::StatusOr<Derived> Derive(const CallInfo& call, const ExchangeInput& input) const;

  const TokenPolicy policy_;
  const Parts parts_;
  const absl::StatusOr<TokenVerifier> verifier_;  // an error only for an impossible policy
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_TOKEN_EXCHANGE_H_
