#include "server/user/administrators.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "server/user/role_facade.h"
#include "storage/usable_hash.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// `tessera.admin`, if it is among `held`.
std::optional<storage::Role> AdminRoleIn(std::vector<storage::Role> held) {
  const auto admin = std::find_if(
      held.begin(), held.end(), [](const storage::Role& role) { return role.name == kAdminRole; });
  if (admin == held.end()) return std::nullopt;
  return std::move(*admin);
}

absl::StatusOr<std::optional<storage::Role>> AdminRoleOf(storage::Repositories& repositories,
                                                         const UserId& user) {
  TESSERA_ASSIGN_OR_RETURN(std::vector<storage::Role> held, repositories.roles.HeldBy(user));
  return AdminRoleIn(std::move(held));
}

absl::Status NobodyLeft() {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kLastAdministrator,
                 "nobody would be left who can administer");
}

// Who calls, as the store has it now: the roles held, or nothing if gone or disabled.
using Standing = std::optional<std::vector<storage::Role>>;

absl::StatusOr<Standing> StandingOfService(storage::Repositories& repositories,
                                           const ServiceId& id) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::ServiceAccount> account,
                           repositories.services.Find(id));
  if (!account.has_value() || account->state != storage::ServiceAccountState::kActive) {
    return Standing();
  }
  return Standing(std::move(account->roles));
}

absl::StatusOr<Standing> StandingOf(storage::Repositories& repositories, const UserId& actor) {
  if (actor.str().compare(0, ServiceId::kPrefix.size(), ServiceId::kPrefix) == 0) {
    return StandingOfService(repositories, ServiceId(actor.str()));
  }
  TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::User> user, repositories.users.Find(actor));
  if (!user.has_value() || user->state != storage::UserState::kActive) return Standing();
  TESSERA_ASSIGN_OR_RETURN(std::vector<storage::Role> held, repositories.roles.HeldBy(actor));
  return Standing(std::move(held));
}

}  // namespace

absl::Status RefuseUnlessAdministrator(storage::Repositories& repositories, const UserId& actor) {
  TESSERA_RETURN_IF_ERROR(repositories.roles.TakeTurn());
  TESSERA_ASSIGN_OR_RETURN(const Standing standing, StandingOf(repositories, actor));
  if (!standing.has_value()) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked,
                   "the token has been revoked");
  }
  if (AdminRoleIn(*standing).has_value()) return absl::OkStatus();
  return Refusal(absl::StatusCode::kPermissionDenied, reason::kRoleRequired,
                 "the method asks for a role that the caller lacks");
}

absl::Status RefuseIfLastAdministrator(storage::Repositories& repositories,
                                       const storage::User& user) {
  if (user.state != storage::UserState::kActive) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto admin, AdminRoleOf(repositories, user.id));
  if (!admin.has_value()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const int64_t holders, repositories.roles.CountActiveHolders(admin->id));
  const int64_t others = holders - (storage::IsUsableHash(user.password_hash) ? 1 : 0);
  return others > 0 ? absl::OkStatus() : NobodyLeft();
}

absl::Status RefuseIfNobodyAdministers(storage::Repositories& repositories) {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::Role> admin,
                           repositories.roles.FindByName(kAdminRole));
  if (!admin.has_value()) return NobodyLeft();
  TESSERA_ASSIGN_OR_RETURN(const int64_t holders, repositories.roles.CountActiveHolders(admin->id));
  return holders > 0 ? absl::OkStatus() : NobodyLeft();
}

}  // namespace tessera::server
