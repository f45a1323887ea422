#include "tessera/guard/principal.h"

#include <algorithm>
#include <utility>

#include "tessera/guard/known_token.h"

namespace tessera {
namespace {

constexpr std::string_view kServicePrefix = "svc_";

std::shared_ptr<const Principal> PrincipalFor(const Claims& claims) {
  auto principal = std::make_shared<Principal>();
  const bool service = claims.subject.compare(0, kServicePrefix.size(), kServicePrefix) == 0;
  principal->kind = service ? PrincipalKind::kService : PrincipalKind::kUser;
  principal->claims = claims;
  return principal;
}

}  // namespace

bool Principal::HasRole(std::string_view role) const {
  return std::find(claims.roles.begin(), claims.roles.end(), role) != claims.roles.end();
}

bool Principal::HasScope(std::string_view scope) const {
  return std::find(claims.scopes.begin(), claims.scopes.end(), scope) != claims.scopes.end();
}

bool Principal::InGroup(std::string_view group) const {
  return std::find(claims.groups.begin(), claims.groups.end(), group) != claims.groups.end();
}

namespace guard {

KnownToken::KnownToken(VerifiedToken verified, std::shared_ptr<const JwkSet> verified_with)
    : token(std::move(verified)),
      principal(PrincipalFor(token.claims())),
      keys(std::move(verified_with)) {}

const std::shared_ptr<const Principal>& AnonymousPrincipal() {
  static const auto& anonymous =
      *new std::shared_ptr<const Principal>(std::make_shared<const Principal>());
  return anonymous;
}

}  // namespace guard
}  // namespace tessera
