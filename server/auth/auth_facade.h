// Logging in, renewing, checking and ending: the rules of AuthService, without gRPC.
#ifndef TESSERA_SERVER_AUTH_AUTH_FACADE_H_
#define TESSERA_SERVER_AUTH_AUTH_FACADE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/daily_reset.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"
#include "tessera/token/claims.h"
#include "tessera/token/token_signer.h"

namespace tessera::server {

class ClockWatch;
class KeyRing;
class PasswordHasher;
class RevocationFeed;

// `tokens.*` of the configuration.
struct TokenPolicy {
  std::string issuer;
  std::string self_audience = "tessera";
  std::vector<std::string> audiences;  // besides self_audience
  absl::Duration access_ttl = absl::Minutes(15);
  absl::Duration refresh_ttl = absl::Hours(24 * 30);
  absl::Duration refresh_idle_ttl = absl::Hours(24 * 7);
  absl::Duration reuse_grace = absl::Seconds(30);
  absl::Duration leeway = absl::Seconds(5);
  std::optional<DailyReset> refresh_reset;    // when sessions end, if not before
  std::vector<std::string> scopes;            // that a login may ask for
  std::vector<std::string> requested_claims;  // names that a login may ask for
  // Names of user attributes that tokens carry. None is in requested_claims: a client's word would
  // pass for an administrator's.
  std::vector<std::string> attribute_claims;
  bool renewal_needs_access_token = false;
  bool renewal_only_after_expiry = false;
  bool renewal_by_access_token = false;
  bool one_session_per_user = false;  // a login ends the user's other sessions
};

// What a login asks for, besides being let in.
struct SessionTerms {
  std::vector<std::string> scopes;
  std::map<std::string, std::string> claims;
  std::string device_id;                     // to bind it to; only its hash is kept. Empty: to none
  std::string device_label;                  // shown in lists of sessions
  bool bind_certificate = false;             // to the connection's client certificate
  size_t max_access_token = kMaxTokenBytes;  // a longer one could not be carried: TOKEN_TOO_LARGE
};

struct LoginInput {
  std::string username;
  Secret password;
  std::string audience;  // empty: self_audience
  SessionTerms terms = {};
};

// A login whose password has not been checked yet. `user` is absent for an unknown name: the check
// then costs the same.
struct LoginAttempt {
  std::string username;
  Secret password;
  std::string audience;
  std::optional<storage::User> user;
  SessionTerms terms = {};
};

// A login whose password was right. Only AuthFacade::CheckPassword makes one.
class VerifiedLogin {
 public:
  const storage::User& user() const { return user_; }
  const std::string& audience() const { return audience_; }
  const SessionTerms& terms() const { return terms_; }
  const std::optional<std::string>& upgraded_hash() const { return upgraded_hash_; }

 private:
  friend class AuthFacade;
  VerifiedLogin(storage::User user, LoginAttempt attempt, std::optional<std::string> upgraded_hash)
      : user_(std::move(user)),
        audience_(std::move(attempt.audience)),
        terms_(std::move(attempt.terms)),
        upgraded_hash_(std::move(upgraded_hash)) {}
  storage::User user_;
  std::string audience_;
  SessionTerms terms_;
  std::optional<std::string> upgraded_hash_;  // set when the stored hash has older parameters
};

// What shows that a session may be renewed. Without a refresh token: a live access token alone.
struct RenewalInput {
  Secret refresh_token;
  Secret access_token = {};
  std::string device_id = {};                // beside CallInfo's: the two must not differ
  size_t max_access_token = kMaxTokenBytes;  // as SessionTerms
};

struct IssuedGrant {
  Secret access_token;
  absl::Time access_expires_at;
  Secret refresh_token;  // empty if it was renewed by its access token alone
  absl::Time refresh_expires_at;
  SessionId session_id;
  std::vector<std::string> scopes = {};
};

// RFC 7662: `claims` if active, else null and `inactive_reason` (`TOKEN_EXPIRED` ...).
struct Introspection {
  std::shared_ptr<const Claims> claims;
  std::string inactive_reason;
};

// What a call shows of its caller. Asked only where it matters, for it may cost something.
using Evidence = absl::FunctionRef<absl::StatusOr<CallInfo>()>;

// Thread-safe. What blocks says so; the rest is memory only.
class AuthFacade {
 public:
  // All references must outlive the facade.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    const PasswordHasher& hasher;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    const ClockWatch* clock_watch = nullptr;  // none: the clock is trusted
  };
  AuthFacade(TokenPolicy policy, Parts parts);
  ~AuthFacade();

  // A login in three steps, so that each runs where its kind of work belongs.
  // 1. Blocks on the store. INVALID_ARGUMENT FIELD_INVALID: an audience, a scope or a claim that is
  // not allow-listed, too many of them, a password too long, a device's id or label that is none.
  // FAILED_PRECONDITION CERTIFICATE_MISSING: to bind to, but the call shows none.
  //    An impossible name is an unknown one.
  absl::StatusOr<LoginAttempt> BeginLogin(const CallInfo& call, LoginInput input) const;
  // 2. Blocks on the processor (Argon2id). UNAUTHENTICATED BAD_CREDENTIALS: unknown, wrong or
  // disabled; one answer, one cost.
  absl::StatusOr<VerifiedLogin> CheckPassword(const CallInfo& call, LoginAttempt attempt) const;
  // 3. Blocks on the store. BAD_CREDENTIALS: the user was changed, disabled or deleted since
  // step 1. FAILED_PRECONDITION TOKEN_TOO_LARGE: no session is begun.
  absl::StatusOr<IssuedGrant> OpenSession(const CallInfo& call, const VerifiedLogin& login) const;

  // Whether a refresh token names a key that this replica does not know: newer keys are to be read
  // before it is judged. Memory only.
  bool NamesUnknownKey(const Secret& refresh_token) const;
  // Likewise of the token that renews.
  bool NamesUnknownKey(const RenewalInput& input) const;

  // Before Logout, so that forged tokens stay out of the lane that it blocks: the token, if it is
  // genuine. Memory only. UNAUTHENTICATED TOKEN_MALFORMED, TOKEN_SIGNATURE.
  absl::StatusOr<Secret> CheckRefreshToken(const CallInfo& call, Secret token) const;
  // Likewise before Renew. Without a refresh token: INVALID_ARGUMENT FIELD_INVALID where the access
  // token alone renews nothing; else UNAUTHENTICATED TOKEN_... for one that is not alive.
  absl::StatusOr<RenewalInput> CheckRenewal(const CallInfo& call, RenewalInput input) const;

  // Blocks on the store. UNAUTHENTICATED TOKEN_MALFORMED / TOKEN_SIGNATURE (forged: no store is
  // read), REFRESH_REUSED (the session is ended, durably), SESSION_ENDED (its audience is not
  // allow-listed any more, too), ACCESS_TOKEN_REQUIRED, DEVICE_MISMATCH, CERTIFICATE_MISMATCH
  // (nothing is changed). FAILED_PRECONDITION ACCESS_TOKEN_NOT_EXPIRED (with the time left),
  // TOKEN_TOO_LARGE. server/auth/renewal.h has the rules.
  absl::StatusOr<IssuedGrant> Renew(const CallInfo& call, const RenewalInput& input) const;
  // By the refresh token alone.
  absl::StatusOr<IssuedGrant> Renew(const CallInfo& call, const Secret& refresh_token) const {
    return Renew(call, RenewalInput{refresh_token});
  }

  // For those who may ask about others' tokens (`tessera.introspect`): whatever it is bound to.
  // Memory only. UNAVAILABLE KEYS_UNAVAILABLE or REVOCATION_VIEW_STALE: nothing can be judged yet.
  absl::StatusOr<Introspection> Validate(const Secret& token) const;
  // For anybody: whoever shows the token holds it. One that is bound is inactive with
  // DEVICE_MISMATCH or CERTIFICATE_MISMATCH unless the call shows the same device and certificate.
  // Otherwise as Validate; fails as `evidence` does.
  absl::StatusOr<Introspection> ValidateForHolder(const Secret& token, Evidence evidence) const;

  // Before Revoke, for the same end: false for a token that Revoke would answer with OK without
  // looking further. Memory only.
  bool IsRevocable(const Secret& token) const;

  // Blocks on the store. An access token's `jti`, or a refresh token's session. OK for a token that
  // is none of ours, or that no guard takes any more. On OK the revocation is durable and in this
  // replica's view.
  absl::Status Revoke(const CallInfo& call, const Secret& token) const;

  // Blocks on the store. OK if the session is ended, whoever ended it. UNAUTHENTICATED
  // TOKEN_MALFORMED, TOKEN_SIGNATURE.
  absl::Status Logout(const CallInfo& call, const Secret& refresh_token) const;

  // A JWK set as JSON text. Memory only. UNAVAILABLE KEYS_UNAVAILABLE.
  absl::StatusOr<std::string> Jwks() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_AUTH_FACADE_H_
