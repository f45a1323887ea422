#include "server/user/find_group.h"

#include <optional>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

using storage::Repositories;

absl::StatusOr<storage::Group> FindGroup(Repositories& repositories, std::string_view name) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::Group> group,
                           repositories.groups.FindByName(name));
  if (group.has_value()) return *std::move(group);
  return Refusal(absl::StatusCode::kNotFound, reason::kGroupNotFound, "no such group");
}

absl::StatusOr<storage::Role> FindRole(Repositories& repositories, std::string_view name) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::Role> role, repositories.roles.FindByName(name));
  if (role.has_value()) return *std::move(role);
  return Refusal(absl::StatusCode::kNotFound, reason::kRoleNotFound, "no such role");
}

}  // namespace tessera::server
