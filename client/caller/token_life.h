// How old a token is, and when it is too old.
#ifndef TESSERA_CALLER_TOKEN_LIFE_H_
#define TESSERA_CALLER_TOKEN_LIFE_H_

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/caller/grant.h"

namespace tessera {

// Counts from the moment that a grant arrived, so that a machine whose clock differs from the auth
// server's neither renews without end nor presents dead tokens. A value.
class TokenLife {
 public:
  // The life is `exp - iat` of a JWT, else what is left until `access_expires_at`; never less than
  // a second.
  TokenLife(const Grant& grant, double renew_at, const Clock& clock);

  bool IsAlive(const Clock& clock) const { return Age(clock) < life_; }
  absl::Duration UntilExpiry(const Clock& clock) const { return life_ - Age(clock); }
  // How long until the token is to be renewed; zero or less from then on.
  absl::Duration UntilRenewal(const Clock& clock) const { return renew_after_ - Age(clock); }

 private:
  // By the clock that went further: the monotonic one stands still while the machine sleeps.
  absl::Duration Age(const Clock& clock) const;

  absl::Time arrived_;
  absl::Duration arrived_monotonic_;
  absl::Duration life_;
  absl::Duration renew_after_;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_TOKEN_LIFE_H_
