#include "tests/e2e/cluster.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "tessera/token/base64url.h"
#include "tests/e2e/assertion.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

Cluster::Cluster() : key_(SigningKey::Generate(Algorithm::kRs256).value()) {
  folder_.Write("jwks.json", JwkSetOf(key_));
}

std::vector<std::string> Cluster::environment() const {
  return {absl::StrCat("TESSERA_KUBERNETES_ISSUER=", kIssuer),
          absl::StrCat("TESSERA_KUBERNETES_JWKS_FILE=", folder_.Path("jwks.json"))};
}

std::string Cluster::FullName(const std::string& name) {
  return absl::StrCat(kNamespace, "/", name);
}

std::string Cluster::TokenOf(const std::string& name, absl::Time now, absl::Duration life) const {
  const int64_t from = absl::ToUnixSeconds(now);
  const std::string header = absl::StrCat(R"({"alg":"RS256","kid":")", key_.kid(), R"("})");
  const std::string payload =
      absl::StrCat(R"({"iss":")", kIssuer, R"(","sub":"system:serviceaccount:)", kNamespace, ":",
                   name, R"(","aud":[")", Tesserad::kIssuer, R"("],"iat":)", from, R"(,"nbf":)",
                   from, R"(,"exp":)", from + absl::ToInt64Seconds(life),
                   R"(,"kubernetes.io":{"namespace":")", kNamespace, R"(","pod":{"name":")", name,
                   R"(-0","uid":"1"},"serviceaccount":{"name":")", name, R"(","uid":"2"}}})");
  const std::string input = absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(payload));
  return absl::StrCat(input, ".", Base64UrlEncode(key_.Sign(input).value()));
}

}  // namespace tessera::testing
