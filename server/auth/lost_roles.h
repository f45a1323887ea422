// What users lose with a role.
#ifndef TESSERA_SERVER_AUTH_LOST_ROLES_H_
#define TESSERA_SERVER_AUTH_LOST_ROLES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// Whether losing `role` ends sessions and tokens at once. Else tokens keep it until they are
// renewed or expire. `any_role`: `tokens.revoke_on_role_change`, for reserved names it is always
// so.
bool LossEndsTokens(std::string_view role, bool any_role);

// Those of `roles` (names) that the user does not hold in effect.
absl::StatusOr<std::vector<std::string>> MissingOf(storage::Repositories& repositories,
                                                   const std::vector<std::string>& roles,
                                                   const UserId& user);

// The next step of a loss (storage::GroupRepository) that is under way: ends the sessions and
// tokens of the next members who hold the role no more, and the loss with the last of them. True:
// there are more to do. The last act of a transaction; call RevocationFeed::CatchUp behind it.
absl::StatusOr<bool> EndNextMembers(storage::Repositories& repositories, const GroupId& group,
                                    const RoleId& role, absl::Time now);

// Likewise of all losses of the group at once, and takes the members out of it, whether they lose
// anything or not; deletes the group with the last of them. `any_member`: ends also the sessions of
// those who lose no role, for their tokens may name the group.
absl::StatusOr<bool> RemoveNextMembers(storage::Repositories& repositories, const GroupId& group,
                                       bool any_member, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_LOST_ROLES_H_
