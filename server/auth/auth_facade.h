// Logging in, renewing, checking and ending: the rules of AuthService, without gRPC.
#ifndef TESSERA_SERVER_AUTH_AUTH_FACADE_H_
#define TESSERA_SERVER_AUTH_AUTH_FACADE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"
#include "tessera/token/claims.h"

namespace tessera::server {

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
};

struct LoginInput {
  std::string username;
  Secret password;
  std::string audience;  // empty: self_audience
};

// A login whose password has not been checked yet. `user` is absent for an unknown name: the check
// then costs the same.
struct LoginAttempt {
  std::string username;
  Secret password;
  std::string audience;
  std::optional<storage::User> user;
};

// A login whose password was right. Only AuthFacade::CheckPassword makes one.
class VerifiedLogin {
 public:
  const storage::User& user() const { return user_; }
  const std::string& audience() const { return audience_; }
  const std::optional<std::string>& upgraded_hash() const { return upgraded_hash_; }

 private:
  friend class AuthFacade;
  VerifiedLogin(storage::User user, std::string audience, std::optional<std::string> upgraded_hash)
      : user_(std::move(user)),
        audience_(std::move(audience)),
        upgraded_hash_(std::move(upgraded_hash)) {}
  storage::User user_;
  std::string audience_;
  std::optional<std::string> upgraded_hash_;  // set when the stored hash has older parameters
};

struct IssuedGrant {
  Secret access_token;
  absl::Time access_expires_at;
  Secret refresh_token;
  absl::Time refresh_expires_at;
  SessionId session_id;
};

// RFC 7662: `claims` if active, else null and `inactive_reason` (`TOKEN_EXPIRED` ...).
struct Introspection {
  std::shared_ptr<const Claims> claims;
  std::string inactive_reason;
};

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
  };
  AuthFacade(TokenPolicy policy, Parts parts);
  ~AuthFacade();

  // A login in three steps, so that each runs where its kind of work belongs.
  // 1. Blocks on the store. INVALID_ARGUMENT FIELD_INVALID: an audience that is not allow-listed, a
  // password too long.
  //    An impossible name is an unknown one.
  absl::StatusOr<LoginAttempt> BeginLogin(const CallInfo& call, LoginInput input) const;
  // 2. Blocks on the processor (Argon2id). UNAUTHENTICATED BAD_CREDENTIALS: unknown, wrong or
  // disabled; one answer, one cost.
  absl::StatusOr<VerifiedLogin> CheckPassword(const CallInfo& call, LoginAttempt attempt) const;
  // 3. Blocks on the store. BAD_CREDENTIALS: the user was changed, disabled or deleted since
  // step 1.
  absl::StatusOr<IssuedGrant> OpenSession(const CallInfo& call, const VerifiedLogin& login) const;

  // Before Renew and Logout, so that forged tokens stay out of the lane that these block: the
  // token, if it is genuine. Memory only. UNAUTHENTICATED TOKEN_MALFORMED, TOKEN_SIGNATURE.
  absl::StatusOr<Secret> CheckRefreshToken(const CallInfo& call, Secret token) const;

  // Blocks on the store. UNAUTHENTICATED TOKEN_MALFORMED / TOKEN_SIGNATURE (forged: no store is
  // read), REFRESH_REUSED (the session is ended, durably), SESSION_ENDED (its audience is not
  // allow-listed any more, too).
  absl::StatusOr<IssuedGrant> Renew(const CallInfo& call, const Secret& refresh_token) const;

  // Memory only. UNAVAILABLE KEYS_UNAVAILABLE or REVOCATION_VIEW_STALE: nothing can be judged yet.
  absl::StatusOr<Introspection> Validate(const Secret& token) const;

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
