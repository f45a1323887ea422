// Roles and who holds them, at rest.
#ifndef TESSERA_STORAGE_ROLE_REPOSITORY_H_
#define TESSERA_STORAGE_ROLE_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class RoleRepository {
 public:
  virtual ~RoleRepository() = default;

  // ALREADY_EXISTS ROLE_NAME_TAKEN.
  virtual absl::Status Insert(const Role& role) = 0;
  virtual absl::StatusOr<std::optional<Role>> FindByName(std::string_view name) = 0;
  // In the order of their names (by byte), beginning behind `after_name`, at most `limit`.
  virtual absl::StatusOr<std::vector<Role>> List(std::string_view after_name, int limit) = 0;
  // From now on nobody holds the role, by whatever grant, nobody is given it, its name is free, and
  // no method here returns it. One row changes, however many hold it: what else there is of the
  // role is PurgeDeleted's. False if there is no such role.
  virtual absl::StatusOr<bool> Delete(const RoleId& id, absl::Time now) = 0;
  // Removes rows of roles that were deleted: grants to users, groups and service accounts, and
  // behind the last of them the role. How many; `limit` at most. A role with losses that are under
  // way (GroupRepository) stays as it is until they have ended.
  virtual absl::StatusOr<int64_t> PurgeDeleted(int limit) = 0;

  // To the user itself. Once granted, granting again changes nothing. NOT_FOUND USER_NOT_FOUND or
  // ROLE_NOT_FOUND if either is gone.
  virtual absl::Status Grant(const RoleId& role, const UserId& user, absl::Time now) = 0;
  // False if it was not granted to the user itself.
  virtual absl::StatusOr<bool> Revoke(const RoleId& role, const UserId& user) = 0;
  // What the user holds in effect, by itself or by groups, in the order of names.
  virtual absl::StatusOr<std::vector<Role>> HeldBy(const UserId& user) = 0;
  // Likewise, with where each comes from. In two statements: for a snapshot (Store::Read).
  virtual absl::StatusOr<std::vector<HeldRole>> HoldingsOf(const UserId& user) = 0;
  // How many active users hold the role in effect and can log in with a password (IsUsableHash in
  // storage/usable_hash.h); each once.
  virtual absl::StatusOr<int64_t> CountActiveHolders(const RoleId& role) = 0;

  // The first act (but for changes of keys) of a transaction whose right to write rests on what it
  // reads (who administers, how many are left): raises a counter that all such transactions share.
  // Of two the second waits for the first, or is run again, and so sees what the first committed.
  // No lock that another node of a cluster would not see.
  virtual absl::Status TakeTurn() = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_ROLE_REPOSITORY_H_
