#include "server/user/store_service_account.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/revocations.h"
#include "server/user/service_account_facade.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/jwk_set.h"

namespace tessera::server {
namespace {

using storage::ServiceAccount;

absl::Status EtagMismatch() {
  return Refusal(absl::StatusCode::kAborted, reason::kEtagMismatch,
                 "the service account was changed since it was read");
}

bool Loses(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  return std::any_of(before.begin(), before.end(), [&](const std::string& item) {
    return std::find(after.begin(), after.end(), item) == after.end();
  });
}

std::vector<std::string> RoleNames(const ServiceAccount& account) {
  std::vector<std::string> names;
  for (const storage::Role& role : account.roles) names.push_back(role.name);
  return names;
}

std::vector<std::string> Thumbprints(const ServiceAccount& account) {
  std::vector<std::string> thumbprints;
  if (account.public_jwks.empty()) return thumbprints;
  const absl::StatusOr<JwkSet> keys = JwkSet::Parse(account.public_jwks);
  if (!keys.ok()) return thumbprints;
  for (const VerifyKey& key : keys->keys()) thumbprints.push_back(key.Thumbprint());
  return thumbprints;
}

}  // namespace

absl::StatusOr<ServiceAccount> FindAt(storage::Repositories& repositories, const ServiceId& id,
                                      std::string_view etag) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<ServiceAccount> account, repositories.services.Find(id));
  if (!account.has_value()) {
    return Refusal(absl::StatusCode::kNotFound, reason::kServiceAccountNotFound,
                   "no such service account");
  }
  if (!etag.empty() && etag != EtagOf(*account)) return EtagMismatch();
  return *std::move(account);
}

bool TakesAway(const ServiceAccount& before, const ServiceAccount& after) {
  const bool disabled = before.state == storage::ServiceAccountState::kActive &&
                        after.state != storage::ServiceAccountState::kActive;
  return disabled || Loses(RoleNames(before), RoleNames(after)) ||
         Loses(before.audiences, after.audiences) ||
         Loses(before.served_audiences, after.served_audiences) ||
         Loses(before.scopes, after.scopes) || Loses(Thumbprints(before), Thumbprints(after)) ||
         Loses(before.certificate_names, after.certificate_names) ||
         Loses(before.kubernetes_names, after.kubernetes_names);
}

absl::Status StoreNext(storage::Repositories& repositories, ServiceAccount& account,
                       absl::Time now) {
  const int64_t expected = account.revision++;
  account.updated_at = now;
  TESSERA_ASSIGN_OR_RETURN(const bool stored, repositories.services.Update(account, expected));
  return stored ? absl::OkStatus() : EtagMismatch();
}

absl::Status AppendEnd(storage::Repositories& repositories, const ServiceAccount& account,
                       absl::Time now) {
  return repositories.revocations.Append({RevokeServiceEntry(account.id, account.version, now)});
}

}  // namespace tessera::server
