// Checks JWTs that somebody else signed to prove who asks (RFC 7523 section 3, RFC 8725).
#ifndef TESSERA_SERVER_AUTH_ASSERTION_H_
#define TESSERA_SERVER_AUTH_ASSERTION_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/strict_json.h"

namespace tessera::server {

// No assertion is longer.
inline constexpr size_t kMaxAssertionBytes = size_t{8} * 1024;
// No id of an assertion (`jti`) is longer.
inline constexpr size_t kMaxAssertionIdBytes = 256;

// What an assertion is held against.
struct AssertionRules {
  std::string issuer;    // `iss` must be this
  std::string subject;   // `sub` must be this; empty: any that is not empty
  std::string audience;  // `aud` must hold this
  // `aud` must hold nothing else, or whoever else is named there could show the assertion here.
  bool audience_alone = true;
  bool needs_id = true;     // `jti`, without which a replay cannot be told
  absl::Duration max_life;  // between `iat` (or, without one, now) and `exp`
  absl::Duration leeway;    // between clocks
};

// What a trusted key signed and the rules let pass.
struct Assertion {
  std::string subject;
  std::string id;  // `jti`; may be empty where no id is needed
  absl::Time expires_at;
  JsonValue payload;
};

// What an assertion says of its issuer, unchecked: for finding the keys to check it with, never for
// deciding. UNAUTHENTICATED TOKEN_MALFORMED: it is no assertion.
absl::StatusOr<std::string> UncheckedIssuer(std::string_view text);

// Whether `keys` hold the key that `text` asks to be checked with. Only for finding out whether
// newer keys are wanted: what is malformed needs none.
bool LacksKeyFor(std::string_view text, const JwkSet& keys);

// Pure. The key is the one that the header names, or without `kid` the only one of its algorithm;
// an `oct` key checks nothing, for who can check with it can sign with it too. Every refusal is
// UNAUTHENTICATED with one of the TOKEN_ reasons, for the log: size, three parts, base64url,
// header, key, algorithm, signature, payload, type (one of tessera's own access tokens is no
// assertion), issuer, subject, audience, life, time, id.
absl::StatusOr<Assertion> VerifyAssertion(std::string_view text, const JwkSet& keys,
                                          const AssertionRules& rules, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_ASSERTION_H_
