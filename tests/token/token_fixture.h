// Keys, claims and hand-made tokens for the tests of this room.
#ifndef TESSERA_TESTS_TOKEN_TOKEN_FIXTURE_H_
#define TESSERA_TESTS_TOKEN_TOKEN_FIXTURE_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"
#include "tessera/token/key.h"
#include "tessera/token/token_signer.h"
#include "tessera/token/token_verifier.h"

namespace tessera::testing {

inline constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
inline constexpr Algorithm kAllAlgorithms[] = {Algorithm::kEs256, Algorithm::kEdDsa,
                                               Algorithm::kRs256, Algorithm::kHs256};

// One key of the algorithm for the whole program, made when it is first asked for: an RSA key takes
// a while.
template <Algorithm algorithm>
const SigningKey& TheKeyOf() {
  static const SigningKey key = *SigningKey::Generate(algorithm);
  return key;
}
inline const SigningKey& KeyOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEs256:
      return TheKeyOf<Algorithm::kEs256>();
    case Algorithm::kEdDsa:
      return TheKeyOf<Algorithm::kEdDsa>();
    case Algorithm::kRs256:
      return TheKeyOf<Algorithm::kRs256>();
    case Algorithm::kHs256:
      break;
  }
  return TheKeyOf<Algorithm::kHs256>();
}

inline JwkSet SetOf(const SigningKey& key) { return *JwkSet::Of({key.ToVerifyKey()}); }

inline Claims SampleClaims() {
  Claims claims;
  claims.issuer = "https://auth.example";
  claims.subject = "usr_1";
  claims.audience = "orders";
  claims.client_id = "shop";
  claims.token_id = TokenId("tok_1");
  claims.issued_at = kNow;
  claims.not_before = kNow;
  claims.expires_at = kNow + absl::Minutes(15);
  claims.auth_time = kNow - absl::Minutes(1);
  claims.session_id = SessionId("ses_1");
  claims.user_version = 3;
  claims.refresh_generation = 7;
  claims.roles = {"orders.admin", "orders.reader"};
  claims.scopes = {"read", "write"};
  return claims;
}

inline Expected SampleExpected() {
  Expected expected;
  expected.issuer = "https://auth.example";
  expected.audience = "orders";
  return expected;
}

inline std::string HeaderFor(const SigningKey& key) {
  return std::string("{\"alg\":\"") + std::string(AlgorithmName(key.algorithm())) +
         "\",\"kid\":\"" + key.kid() + "\",\"typ\":\"at+jwt\"}";
}

inline std::string PayloadOf(const Claims& claims) { return *ClaimsToJson(claims); }

// A compact JWS over whatever header and payload, with a true signature.
inline std::string Compact(std::string_view header, std::string_view payload,
                           const SigningKey& key) {
  const std::string input = Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
  return input + "." + Base64UrlEncode(*key.Sign(input));
}

inline TokenVerifier VerifierFor(const Expected& expected) {
  return *TokenVerifier::Create(expected);
}

// The reason for which the sample verifier refuses `token` at `now`; `OK` if it does not.
inline std::string VerdictOn(std::string_view token, const JwkSet& keys, absl::Time now = kNow) {
  const auto result = VerifierFor(SampleExpected()).Verify(token, keys, now);
  if (result.ok()) return "OK";
  if (result.status().code() != absl::StatusCode::kUnauthenticated)
    return result.status().ToString();
  return ReasonOf(result.status());
}

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_TOKEN_TOKEN_FIXTURE_H_
