// Groups, who is in them and what roles they hold, at rest.
#ifndef TESSERA_STORAGE_GROUP_REPOSITORY_H_
#define TESSERA_STORAGE_GROUP_REPOSITORY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class GroupRepository {
 public:
  virtual ~GroupRepository() = default;

  // Without the roles. ALREADY_EXISTS GROUP_NAME_TAKEN.
  virtual absl::Status Insert(const Group& group) = 0;
  virtual absl::StatusOr<std::optional<Group>> FindByName(std::string_view name) = 0;
  // In the order of their names (by byte), beginning behind `after_name`, at most `limit`.
  virtual absl::StatusOr<std::vector<Group>> List(std::string_view after_name, int limit) = 0;
  // False if there is no such group. Its memberships, grants and losses go too.
  virtual absl::StatusOr<bool> Delete(const GroupId& id) = 0;

  // Once in, adding again changes nothing. NOT_FOUND USER_NOT_FOUND or GROUP_NOT_FOUND if either is
  // gone.
  virtual absl::Status AddMember(const GroupId& group, const UserId& user, absl::Time now) = 0;
  // False if the user was not in it. Who is: UserFilter::group.
  virtual absl::StatusOr<bool> RemoveMember(const GroupId& group, const UserId& user) = 0;
  // The names of the user's groups, in order.
  virtual absl::StatusOr<std::vector<std::string>> NamesOf(const UserId& user) = 0;

  // Once granted, granting again changes nothing; a loss that is under way is over then. NOT_FOUND
  // ROLE_NOT_FOUND or GROUP_NOT_FOUND if either is gone.
  virtual absl::Status Grant(const GroupId& group, const RoleId& role, absl::Time now) = 0;
  // False if the group did not hold it.
  virtual absl::StatusOr<bool> Revoke(const GroupId& group, const RoleId& role) = 0;

  // A loss: the group holds the role no more, so that nobody does by it, but not all members'
  // sessions have been ended for it. So they can be ended in many transactions, and the rest be
  // taken up again after that was cut off.
  //
  // Revoke, and begins a loss if the group held the role. False if it did not, and no loss of it is
  // under way.
  virtual absl::StatusOr<bool> BeginLoss(const GroupId& group, const RoleId& role,
                                         absl::Time now) = 0;
  // Those under way, by the name of the role.
  virtual absl::StatusOr<std::vector<GroupLoss>> LossesOf(const GroupId& group) = 0;
  // One of those under way, of whichever group: the same one until it is over.
  virtual absl::StatusOr<std::optional<GroupLoss>> NextLoss() = 0;
  // Remembers how far one has come; nothing if it is over.
  virtual absl::Status AdvanceLoss(const GroupId& group, const RoleId& role,
                                   const UserId& ended_until) = 0;
  virtual absl::Status EndLoss(const GroupId& group, const RoleId& role) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_GROUP_REPOSITORY_H_
