// What a service account proves itself with by a key of its own (RFC 7523).
#ifndef TESSERA_TESTS_E2E_ASSERTION_H_
#define TESSERA_TESTS_E2E_ASSERTION_H_

#include <string>

#include "absl/time/time.h"
#include "tessera/token/key.h"

namespace tessera::testing {

// Good for a minute from `now` on, once.
std::string AssertionOf(const std::string& service_id, const SigningKey& key, absl::Time now);

// A JWK set of this key alone.
std::string JwkSetOf(const SigningKey& key);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_ASSERTION_H_
