// The challenge that a login with a second factor is answered with: a promise of this server's that
// the password was right, which the client brings back with a code. Nothing of it is stored.
//
// `tsc_` and the base64url of: version (1 byte), key id hash (16), what LoginChallenge says, and
// HMAC-SHA-256 (32) over "tessera/challenge/v1" || store epoch (16) || key id hash || what it says.
// The key is the one of refresh tokens: whoever restores the store, or revokes it, ends challenges
// too. It dies with the user's version, and with its own time.
#ifndef TESSERA_SERVER_AUTH_LOGIN_CHALLENGE_H_
#define TESSERA_SERVER_AUTH_LOGIN_CHALLENGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr std::string_view kChallengePrefix = "tsc_";

struct LoginChallenge {
  UserId user_id;
  int64_t user_version = 0;
  absl::Time expires_at;  // refused from then on
  std::string audience;
  // As the login asked; of the device its hash alone.
  SessionTerms terms;
  std::string certificate;  // thumbprint of the one to bind to; empty for none
};

// UNAVAILABLE KEYS_UNAVAILABLE: no key makes tokens.
absl::StatusOr<Secret> MintChallenge(const LoginChallenge& challenge, const KeySnapshot& keys);

// Whether it names a key that is not loaded here: newer keys are to be read before it is judged.
bool ChallengeNamesUnknownKey(const Secret& token, const KeySnapshot& keys);

// UNAUTHENTICATED CHALLENGE_INVALID: not one of this server's, or too old. Memory only.
absl::StatusOr<LoginChallenge> ReadChallenge(const Secret& token, const KeySnapshot& keys,
                                             absl::Time now);

absl::Status ChallengeInvalid();

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_LOGIN_CHALLENGE_H_
