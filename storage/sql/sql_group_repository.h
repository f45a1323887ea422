// Groups, memberships and the roles of groups, in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_GROUP_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_GROUP_REPOSITORY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/group_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlGroupRepository final : public GroupRepository {
 public:
  explicit SqlGroupRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Insert(const Group& group) override;
  absl::StatusOr<std::optional<Group>> FindByName(std::string_view name) override;
  absl::StatusOr<std::vector<Group>> List(std::string_view after_name, int limit) override;
  absl::StatusOr<bool> Delete(const GroupId& id) override;
  absl::Status AddMember(const GroupId& group, const UserId& user, absl::Time now) override;
  absl::StatusOr<bool> RemoveMember(const GroupId& group, const UserId& user) override;
  absl::StatusOr<std::vector<std::string>> NamesOf(const UserId& user) override;
  absl::Status Grant(const GroupId& group, const RoleId& role, absl::Time now) override;
  absl::StatusOr<bool> Revoke(const GroupId& group, const RoleId& role) override;
  absl::StatusOr<bool> BeginLoss(const GroupId& group, const RoleId& role, absl::Time now) override;
  absl::StatusOr<std::vector<GroupLoss>> LossesOf(const GroupId& group) override;
  absl::StatusOr<std::optional<GroupLoss>> NextLoss() override;
  absl::Status AdvanceLoss(const GroupId& group, const RoleId& role,
                           const UserId& ended_until) override;
  absl::Status EndLoss(const GroupId& group, const RoleId& role) override;

 private:
  // A link between two things, each of which must be there.
  struct Link;
  absl::Status Insert(const Link& link);
  // Whether `select` (with the parameter :id) finds a row.
  absl::StatusOr<bool> Exists(const char* select, const std::string& id);

  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_GROUP_REPOSITORY_H_
