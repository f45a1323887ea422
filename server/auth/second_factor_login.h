// The second half of a login whose user has a second factor: challenge and answer.
#ifndef TESSERA_SERVER_AUTH_SECOND_FACTOR_LOGIN_H_
#define TESSERA_SERVER_AUTH_SECOND_FACTOR_LOGIN_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/auth_facade.h"
#include "server/auth/login_challenge.h"
#include "server/auth/second_factor.h"
#include "storage/records.h"

namespace tessera::server {

// Thread-safe, immutable.
class SecondFactorLogin {
 public:
  explicit SecondFactorLogin(AuthFacade::Parts parts) : parts_(parts) {}

  // What the client has to bring back with a code. Blocks on the store where the password's hash
  // has to be replaced.
  absl::StatusOr<IssuedChallenge> Challenge(const CallInfo& call, const VerifiedLogin& login) const;

  // The challenge that is answered. Memory only. UNAUTHENTICATED CHALLENGE_INVALID,
  // CERTIFICATE_MISMATCH or DEVICE_MISMATCH: the call shows another one than the login did.
  absl::StatusOr<LoginChallenge> Read(const CallInfo& call, const Secret& token) const;

  // The user of the challenge and the answer, which is right and still has to be used up. Blocks on
  // the store. UNAUTHENTICATED CHALLENGE_INVALID: the user has changed since; CODE_WRONG.
  struct Proof {
    storage::User user;
    FactorUse use;
  };
  absl::StatusOr<Proof> Prove(const CallInfo& call, const LoginChallenge& challenge,
                              const FactorAnswer& answer) const;

  // Logs why a challenge does not count, and says so.
  absl::Status Invalid(const CallInfo& call, const UserId& user, std::string_view why) const;

 private:
  struct Known {
    storage::User user;
    StoredFactor factor;
  };
  absl::StatusOr<Known> Find(const CallInfo& call, const LoginChallenge& challenge) const;

  AuthFacade::Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SECOND_FACTOR_LOGIN_H_
