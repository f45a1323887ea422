// Setting a new password with a one-time token: an administrator gives it out and never chooses the
// password.
#ifndef TESSERA_SERVER_USER_PASSWORD_RESET_H_
#define TESSERA_SERVER_USER_PASSWORD_RESET_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/audit/audit_trail.h"
#include "server/auth/key_ring.h"
#include "server/auth/login_throttle.h"
#include "server/auth/password_hasher.h"
#include "server/auth/password_policy.h"
#include "server/auth/revocation_feed.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// `tsp_`, then the user's id (server/auth/shown_secret.h).
inline constexpr std::string_view kResetTokenPrefix = "tsp_";

struct IssuedReset {
  Secret token;
  absl::Time expires_at;  // refused from then on
};

struct ResetInput {
  Secret token;
  Secret new_password;
};

// A reset whose token is good. Only PasswordResets::Check makes one.
class CheckedReset {
 public:
  const storage::User& user() const { return user_; }

 private:
  friend class PasswordResets;
  CheckedReset(storage::User user, storage::PasswordReset row, Secret new_password)
      : user_(std::move(user)), row_(std::move(row)), new_password_(std::move(new_password)) {}
  storage::User user_;
  storage::PasswordReset row_;
  Secret new_password_;
  std::string new_hash_;  // once Hash has run
};

// Thread-safe. Methods block on the store unless they say otherwise.
class PasswordResets {
 public:
  // All references must outlive it.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    const PasswordHasher& hasher;
    const LoginThrottle& throttle;
    RevocationFeed& feed;
    AuditTrail& audit;
    const Clock& clock;
    LogSink& log;
  };
  // `ttl`: `passwords.reset_token_ttl`.
  PasswordResets(absl::Duration ttl, PasswordPolicy policy, Parts parts)
      : ttl_(ttl), policy_(std::move(policy)), parts_(parts) {}

  // A token for `user`, who keeps the password so far until it is used; it ends the user's token
  // before. It is void when the user's version rises: another password, another factor, disabled.
  // INVALID_ARGUMENT FIELD_INVALID: `actor` itself, whose stolen token could else do without what
  // ChangePassword asks for. NOT_FOUND USER_NOT_FOUND; as UserFacade for the actor.
  absl::StatusOr<IssuedReset> Issue(const CallInfo& call, const UserId& actor,
                                    const UserId& user) const;

  // Using it, in four steps. 1. Memory only, so that forged tokens reach no lane. UNAUTHENTICATED
  // RESET_TOKEN_INVALID, here and in 2 and 4: forged, unknown, used, too old, or void. UNAVAILABLE
  // KEYS_UNAVAILABLE.
  absl::StatusOr<ResetInput> Screen(const CallInfo& call, ResetInput input) const;
  // 2. RESOURCE_EXHAUSTED THROTTLED.
  absl::StatusOr<CheckedReset> Check(const CallInfo& call, ResetInput input) const;
  // 3. Blocks on the processor. FIELD_INVALID `new_password`: the token can be used again then.
  absl::StatusOr<CheckedReset> Hash(const CallInfo& call, CheckedReset reset) const;
  // 4. Stores the password, uses up the token, raises the user's version and ends all the user's
  // sessions. A disabled user stays disabled, and a second factor is asked for as before.
  absl::Status Store(const CallInfo& call, const CheckedReset& reset) const;

 private:
  absl::Status Invalid(const CallInfo& call, const UserId& user, std::string_view why) const;
  absl::StatusOr<std::string_view> WhyVoid(const storage::User& user,
                                           const storage::PasswordReset& row,
                                           const Secret& token) const;

  const absl::Duration ttl_;
  const PasswordPolicy policy_;
  const Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_PASSWORD_RESET_H_
