// Logging in, renewing, checking and ending: the rules of AuthService, without gRPC.
#ifndef TESSERA_SERVER_AUTH_AUTH_FACADE_H_
#define TESSERA_SERVER_AUTH_AUTH_FACADE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/daily_reset.h"
#include "server/auth/login_throttle.h"
#include "server/auth/second_factor.h"
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
  std::string device_hash;                   // instead, of a challenge that is answered
  bool bind_certificate = false;             // to the connection's client certificate
  bool include_groups = false;               // access tokens carry the names of the user's groups
  size_t max_access_token = kMaxTokenBytes;  // a longer one could not be carried: TOKEN_TOO_LARGE
};

struct LoginInput {
  std::string username;
  Secret password;
  std::string audience;  // empty: self_audience
  SessionTerms terms = {};
  Secret device_proof = {};  // given to this device before; one that is no good is as none
};

// A login whose password has not been checked yet. `user` is absent for an unknown name: the check
// then costs the same.
struct LoginAttempt {
  std::string username;
  Secret password;
  std::string audience;
  std::optional<storage::User> user;
  SessionTerms terms = {};
  LoginSubject subject = {};                 // whom the attempt is counted against
  std::vector<std::string> hash_costs = {};  // of all hashes that are stored
};

// A login whose password was right. Only AuthFacade makes one: CheckPassword, and CompleteLogin
// where the second factor was right too.
class VerifiedLogin {
 public:
  const storage::User& user() const { return user_; }
  const std::string& audience() const { return audience_; }
  const SessionTerms& terms() const { return terms_; }
  const std::optional<std::string>& upgraded_hash() const { return upgraded_hash_; }
  // That the login showed the proof of.
  const std::optional<std::string>& device() const { return device_; }
  // The answer to a challenge, to be used up where the session begins; absent without a challenge.
  const std::optional<FactorUse>& factor() const { return factor_; }

 private:
  friend class AuthFacade;
  VerifiedLogin(storage::User user, LoginAttempt attempt, std::optional<std::string> upgraded_hash)
      : user_(std::move(user)),
        audience_(std::move(attempt.audience)),
        terms_(std::move(attempt.terms)),
        device_(std::move(attempt.subject.device)),
        upgraded_hash_(std::move(upgraded_hash)) {}
  VerifiedLogin(storage::User user, LoginAttempt attempt, FactorUse factor)
      : VerifiedLogin(std::move(user), std::move(attempt), std::nullopt) {
    factor_ = std::move(factor);
  }
  storage::User user_;
  std::string audience_;
  SessionTerms terms_;
  std::optional<std::string> device_;
  std::optional<std::string> upgraded_hash_;  // set when the stored hash has older parameters
  std::optional<FactorUse> factor_;
};

// Of a login whose user has a second factor.
struct IssuedChallenge {
  Secret challenge_token;
  absl::Time expires_at;
};

// Answers a challenge.
struct CompletionInput {
  Secret challenge_token;
  FactorAnswer answer;
  Secret device_proof = {};                  // as LoginInput
  size_t max_access_token = kMaxTokenBytes;  // as SessionTerms
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
  Secret device_proof = {};  // from a login alone: for the next one from the same device
};

using LoginOutcome = std::variant<IssuedGrant, IssuedChallenge>;

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
    const LoginThrottle& throttle;
    const ClockWatch* clock_watch = nullptr;  // none: the clock is trusted
    SecondFactorPolicy second_factor = {};
  };
  AuthFacade(TokenPolicy policy, Parts parts);
  ~AuthFacade();

  // A login in three steps, so that each runs where its kind of work belongs.
  // 1. Blocks on the store. INVALID_ARGUMENT FIELD_INVALID: an audience, a scope or a claim that is
  // not allow-listed, too many of them, a password too long, a device's id or label that is none.
  // FAILED_PRECONDITION CERTIFICATE_MISSING: to bind to, but the call shows none.
  //    An impossible name is an unknown one. RESOURCE_EXHAUSTED THROTTLED: too many attempts of
  //    late, whoever it is.
  absl::StatusOr<LoginAttempt> BeginLogin(const CallInfo& call, LoginInput input) const;
  // 2. Blocks on the processor (Argon2id). UNAUTHENTICATED BAD_CREDENTIALS: unknown, wrong or
  // disabled; one answer, one cost. The attempt is counted first: THROTTLED, and no hash is made.
  absl::StatusOr<VerifiedLogin> CheckPassword(const CallInfo& call, LoginAttempt attempt) const;
  // 3. Blocks on the store. A challenge, if the user has a second factor; else as OpenSession.
  absl::StatusOr<LoginOutcome> FinishLogin(const CallInfo& call, const VerifiedLogin& login) const;
  // Blocks on the store. BAD_CREDENTIALS: the user was changed, disabled or deleted since
  // step 1, or has a second factor that the login has not shown. FAILED_PRECONDITION
  // TOKEN_TOO_LARGE: no session is begun.
  absl::StatusOr<IssuedGrant> OpenSession(const CallInfo& call, const VerifiedLogin& login) const;

  // Whether a challenge names a key that this replica does not know. Memory only.
  bool NamesUnknownKey(const CompletionInput& input) const;
  // Before CompleteLogin, so that forged challenges stay out of the lane that it blocks. Memory
  // only. UNAUTHENTICATED CHALLENGE_INVALID, CERTIFICATE_MISMATCH, DEVICE_MISMATCH.
  absl::StatusOr<CompletionInput> CheckCompletion(const CallInfo& call,
                                                  CompletionInput input) const;
  // Ends a login that was answered with a challenge. Blocks on the store. UNAUTHENTICATED
  // CHALLENGE_INVALID: not genuine, too old, or the user has changed since; CODE_WRONG: wrong or
  // used up. RESOURCE_EXHAUSTED THROTTLED. FAILED_PRECONDITION TOKEN_TOO_LARGE: no session is
  // begun, and the code is not used up.
  absl::StatusOr<IssuedGrant> CompleteLogin(const CallInfo& call,
                                            const CompletionInput& input) const;

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
