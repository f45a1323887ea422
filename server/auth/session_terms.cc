#include "server/auth/session_terms.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/auth/named_texts.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

bool Lists(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

absl::Status CheckScopes(const std::vector<std::string>& scopes, const TokenPolicy& policy) {
  if (scopes.size() > kMaxScopes) return FieldInvalid("scopes", "at most 64");
  std::set<std::string_view> seen;
  for (const std::string& scope : scopes) {
    if (!Lists(policy.scopes, scope)) {
      return FieldInvalid("scopes", "scopes that the server's tokens.scopes names");
    }
    if (!seen.insert(scope).second) return FieldInvalid("scopes", "each once");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTerms(const SessionTerms& terms, const TokenPolicy& policy) {
  TESSERA_RETURN_IF_ERROR(CheckScopes(terms.scopes, policy));
  TESSERA_RETURN_IF_ERROR(CheckNamedTexts(terms.claims, kMaxRequestedClaims, "claims"));
  for (const auto& [name, value] : terms.claims) {
    if (!Lists(policy.requested_claims, name)) {
      return FieldInvalid("claims", "claims that this server takes from a login");
    }
  }
  return absl::OkStatus();
}

}  // namespace tessera::server
