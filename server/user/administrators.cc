#include "server/user/administrators.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "server/user/role_facade.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// `tessera.admin`, if the user holds it.
absl::StatusOr<std::optional<storage::Role>> AdminRoleOf(storage::Repositories& repositories,
                                                         const UserId& user) {
  TESSERA_ASSIGN_OR_RETURN(std::vector<storage::Role> held, repositories.roles.HeldBy(user));
  const auto admin = std::find_if(
      held.begin(), held.end(), [](const storage::Role& role) { return role.name == kAdminRole; });
  if (admin == held.end()) return std::optional<storage::Role>();
  return std::optional<storage::Role>(std::move(*admin));
}

}  // namespace

absl::Status RefuseUnlessAdministrator(storage::Repositories& repositories, const UserId& actor) {
  TESSERA_RETURN_IF_ERROR(repositories.roles.TakeTurn());
  TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::User> user, repositories.users.Find(actor));
  if (!user.has_value() || user->state != storage::UserState::kActive) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked,
                   "the token has been revoked");
  }
  TESSERA_ASSIGN_OR_RETURN(const auto admin, AdminRoleOf(repositories, actor));
  if (admin.has_value()) return absl::OkStatus();
  return Refusal(absl::StatusCode::kPermissionDenied, reason::kRoleRequired,
                 "the method asks for a role that the caller lacks");
}

absl::Status RefuseIfLastAdministrator(storage::Repositories& repositories,
                                       const storage::User& user) {
  if (user.state != storage::UserState::kActive) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto admin, AdminRoleOf(repositories, user.id));
  if (!admin.has_value()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const int64_t holders, repositories.roles.CountActiveHolders(admin->id));
  if (holders > 1) return absl::OkStatus();
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kLastAdministrator,
                 "nobody would be left who can administer");
}

}  // namespace tessera::server
