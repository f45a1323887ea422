#include "server/auth/service_assertion.h"

#include <utility>

#include "server/auth/assertion.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tessera/token/jwk_set.h"

namespace tessera::server {
namespace {

constexpr size_t kIdBytes = 26;  // behind the prefix

bool LooksLikeServiceId(std::string_view text) {
  return text.substr(0, ServiceTag::kPrefix.size()) == ServiceTag::kPrefix &&
         text.size() == ServiceTag::kPrefix.size() + kIdBytes;
}

// Text of 43 characters. The issuer holds no zero byte (it is an id of ours), so no two pairs are
// one text.
std::string UseHash(std::string_view issuer, std::string_view id) {
  using namespace std::string_view_literals;
  std::string text("tessera/assertion/v1\0"sv);
  text.append(issuer).append(1, '\0').append(id);
  const Sha256Digest digest = Sha256(text);
  return Base64UrlEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

absl::StatusOr<ServiceId> ClaimedService(std::string_view text) {
  TESSERA_ASSIGN_OR_RETURN(std::string issuer, UncheckedIssuer(text));
  if (!LooksLikeServiceId(issuer)) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenIssuer,
                   "the issuer is no service account");
  }
  return ServiceId(std::move(issuer));
}

absl::StatusOr<AssertionUse> VerifyServiceAssertion(std::string_view text,
                                                    const storage::ServiceAccount& account,
                                                    const ServiceAssertionPolicy& policy,
                                                    absl::Time now) {
  JwkSet keys;  // none: then no assertion is good
  if (!account.public_jwks.empty()) {
    TESSERA_ASSIGN_OR_RETURN(keys, JwkSet::Parse(account.public_jwks));
  }
  AssertionRules rules;
  rules.issuer = account.id.str();
  rules.subject = account.id.str();
  rules.audience = policy.audience;
  rules.max_life = kMaxAssertionLife;
  rules.leeway = policy.leeway;
  TESSERA_ASSIGN_OR_RETURN(const Assertion assertion, VerifyAssertion(text, keys, rules, now));
  return AssertionUse{UseHash(account.id.str(), assertion.id),
                      assertion.expires_at + policy.leeway + kAssertionMemory};
}

}  // namespace tessera::server
