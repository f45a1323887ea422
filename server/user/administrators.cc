#include "server/user/administrators.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "server/user/role_facade.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

absl::Status RefuseIfLastAdministrator(storage::Repositories& repositories,
                                       const storage::User& user) {
  if (user.state != storage::UserState::kActive) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const std::vector<storage::Role> held,
                           repositories.roles.HeldBy(user.id));
  const auto admin = std::find_if(
      held.begin(), held.end(), [](const storage::Role& role) { return role.name == kAdminRole; });
  if (admin == held.end()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const int64_t holders, repositories.roles.CountActiveHolders(admin->id));
  if (holders > 1) return absl::OkStatus();
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kLastAdministrator,
                 "nobody would be left who can administer");
}

}  // namespace tessera::server
