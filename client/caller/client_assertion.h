// Private-key JWTs: what a service account's key signs to prove who asks (RFC 7523 section 3).
#ifndef TESSERA_CALLER_CLIENT_ASSERTION_H_
#define TESSERA_CALLER_CLIENT_ASSERTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"
#include "tessera/token/key.h"

namespace tessera {

// From when it is made until it is refused: used at once, and once.
inline constexpr absl::Duration kAssertionLife = absl::Minutes(1);

// `iss` and `sub` are the account, `aud` the issuer whom it is for, `jti` is new each time.
// INTERNAL: OpenSSL failed.
absl::StatusOr<Secret> SignClientAssertion(const std::string& service_account_id,
                                           const std::string& audience, const SigningKey& key,
                                           absl::Time now);

}  // namespace tessera

#endif  // TESSERA_CALLER_CLIENT_ASSERTION_H_
