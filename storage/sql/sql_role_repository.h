// Roles, the audiences they are limited to, and who holds them, in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_ROLE_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_ROLE_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "storage/role_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlRoleRepository final : public RoleRepository {
 public:
  explicit SqlRoleRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Insert(const Role& role) override;
  absl::StatusOr<std::optional<Role>> FindByName(std::string_view name) override;
  absl::StatusOr<std::vector<Role>> List(std::string_view after_name, int limit) override;
  absl::StatusOr<bool> Delete(const RoleId& id, absl::Time now) override;
  absl::StatusOr<int64_t> PurgeDeleted(int limit) override;
  absl::Status Grant(const RoleId& role, const UserId& user, absl::Time now) override;
  absl::StatusOr<bool> Revoke(const RoleId& role, const UserId& user) override;
  absl::StatusOr<std::vector<Role>> HeldBy(const UserId& user) override;
  absl::StatusOr<std::vector<HeldRole>> HoldingsOf(const UserId& user) override;
  absl::StatusOr<int64_t> CountActiveHolders(const RoleId& role) override;
  absl::Status TakeTurn() override;

 private:
  // Whether `select` (with the parameter :id) finds a row.
  absl::StatusOr<bool> Exists(const char* select, const std::string& id);

  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_ROLE_REPOSITORY_H_
