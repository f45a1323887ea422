// An authenticator that is not ours.
#ifndef TESSERA_TESTS_E2E_AUTHENTICATOR_H_
#define TESSERA_TESTS_E2E_AUTHENTICATOR_H_

#include <string>

#include "absl/time/time.h"

namespace tessera::testing {

// The six digits that it shows at `now` for a secret in base32, by another program. `algorithm`:
// `SHA1`, `SHA256` or `SHA512`.
std::string AuthenticatorCode(const std::string& secret, absl::Time now,
                              const std::string& algorithm = "SHA1");

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_AUTHENTICATOR_H_
