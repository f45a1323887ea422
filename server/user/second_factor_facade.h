// Users' second factors: the rules of UserService, without gRPC.
#ifndef TESSERA_SERVER_USER_SECOND_FACTOR_FACADE_H_
#define TESSERA_SERVER_USER_SECOND_FACTOR_FACADE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_trail.h"
#include "server/auth/key_ring.h"
#include "server/auth/login_throttle.h"
#include "server/auth/password_hasher.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/second_factor.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// What the user's authenticator has to know.
struct TotpEnrolment {
  Secret otpauth_uri;
  Secret secret;  // base32
};

// A factor that counts from now on.
struct ConfirmedFactor {
  std::vector<Secret> recovery_codes;  // the last to be seen of them
  Secret device_proof;                 // for the next login: those so far are void
};

// Who asks for a factor and has shown the password. Only SecondFactorFacade::CheckPassword makes
// one.
class FactorOwner {
 public:
  const storage::User& user() const { return user_; }

 private:
  friend class SecondFactorFacade;
  explicit FactorOwner(storage::User user) : user_(std::move(user)) {}
  storage::User user_;
};

// Thread-safe. Every method blocks on the store. `user` is who calls, by a token of this server's;
// the guard has seen to how and when that user logged in. Whatever gives or takes a factor raises
// the user's version, so that all sessions end and no login that is under way ends well; it is
// durable and in this replica's view when a method returns. A token alone gives and takes nothing:
// giving asks for the password too, taking for an answer by the factor itself. Wrong ones are
// counted: RESOURCE_EXHAUSTED THROTTLED.
// NOT_FOUND USER_NOT_FOUND: gone meanwhile.
class SecondFactorFacade {
 public:
  // All references must outlive the facade.
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
  SecondFactorFacade(SecondFactorPolicy policy, Parts parts)
      : policy_(std::move(policy)), parts_(parts) {}

  // Enrolling, in three steps. 1. Finds the user.
  absl::StatusOr<storage::User> FindForEnrolment(const CallInfo& call, const UserId& user) const;
  // 2. Blocks on the processor too. UNAUTHENTICATED BAD_CREDENTIALS: a wrong password.
  absl::StatusOr<FactorOwner> CheckPassword(const CallInfo& call, storage::User user,
                                            const Secret& password) const;
  // 3. A secret that waits to be confirmed, in the place of any other such one.
  // FAILED_PRECONDITION TOTP_ENROLLED. BAD_CREDENTIALS: the user has changed since step 1.
  absl::StatusOr<TotpEnrolment> Enroll(const CallInfo& call, const FactorOwner& owner) const;

  // The code is used up. UNAUTHENTICATED CODE_WRONG. FAILED_PRECONDITION TOTP_NOT_ENROLLED: none
  // waits; TOTP_ENROLLED.
  absl::StatusOr<ConfirmedFactor> Confirm(const CallInfo& call, const UserId& user,
                                          const Secret& code) const;

  // A device proof for the next login. Uses the answer up. UNAUTHENTICATED CODE_WRONG.
  // FAILED_PRECONDITION TOTP_NOT_ENROLLED.
  absl::StatusOr<Secret> Disable(const CallInfo& call, const UserId& user,
                                 const FactorAnswer& answer) const;

  // Others than so far, which count no more. Likewise.
  absl::StatusOr<std::vector<Secret>> RegenerateCodes(const CallInfo& call, const UserId& user,
                                                      const FactorAnswer& answer) const;

  // By an administrator, for another user (INVALID_ARGUMENT FIELD_INVALID: for oneself, whose
  // stolen token could else do away with what Disable asks for). FAILED_PRECONDITION
  // TOTP_NOT_ENROLLED.
  absl::Status Reset(const CallInfo& call, const UserId& actor, const UserId& user) const;

 private:
  // An answer that was right, counted, and still has to be used up.
  struct Proof {
    int64_t user_version = 0;  // whose factor it answers
    FactorUse use;
    Reservation reservation;
  };
  struct Known {
    int64_t user_version = 0;
    StoredFactor factor;
  };
  absl::StatusOr<Known> FindConfirmed(const CallInfo& call, const UserId& user) const;
  absl::StatusOr<Proof> Prove(const CallInfo& call, const UserId& user,
                              const FactorAnswer& answer) const;
  absl::StatusOr<storage::SecondFactor> FindOffered(const CallInfo& call, const UserId& user) const;
  absl::StatusOr<int64_t> CheckFirstCode(const CallInfo& call, const storage::SecondFactor& factor,
                                         const Secret& code) const;
  // The user's version from now on.
  absl::StatusOr<int64_t> TakeAwayIn(storage::Repositories& in, const CallInfo& call,
                                     const UserId& user, const AuditEntry& entry) const;
  absl::Status Refuse(const CallInfo& call, const UserId& user, std::string_view why,
                      absl::Status status) const;
  void Tell(std::string_view event, const CallInfo& call, const UserId& user) const;

  const SecondFactorPolicy policy_;
  const Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_SECOND_FACTOR_FACADE_H_
