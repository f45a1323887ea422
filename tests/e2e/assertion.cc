#include "tests/e2e/assertion.h"

#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"
#include "tessera/token/base64url.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

std::string AssertionOf(const std::string& service_id, const SigningKey& key, absl::Time now) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  const std::string header =
      absl::StrCat(R"({"alg":"ES256","typ":"JWT","kid":")", key.kid(), "\"}");
  const std::string payload =
      absl::StrCat(R"({"iss":")", service_id, R"(","sub":")", service_id, R"(","aud":")",
                   Tesserad::kIssuer, R"(","iat":)", seconds, R"(,"exp":)", seconds + 60,
                   R"(,"jti":")", RandomId("jti_", now), "\"}");
  const std::string input = absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(payload));
  return absl::StrCat(input, ".", Base64UrlEncode(key.Sign(input).value()));
}

std::string JwkSetOf(const SigningKey& key) {
  return absl::StrCat(R"({"keys":[)", key.ToVerifyKey().ToPublicJwk(), "]}");
}

}  // namespace tessera::testing
