// Users in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_USER_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_USER_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "storage/sql/transaction.h"
#include "storage/user_repository.h"

namespace tessera::storage::sql {

class SqlUserRepository final : public UserRepository {
 public:
  explicit SqlUserRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Insert(const User& user) override;
  absl::StatusOr<std::optional<User>> Find(const UserId& id) override;
  absl::StatusOr<std::optional<User>> FindByName(std::string_view username) override;
  absl::StatusOr<std::optional<User>> FindByEmail(std::string_view email_key) override;
  absl::StatusOr<std::vector<User>> List(const UserFilter& filter, const UserId& after,
                                         int limit) override;
  absl::StatusOr<bool> Update(const User& user, int64_t expected_revision) override;
  absl::StatusOr<bool> RecordLogin(const UserId& id, int64_t version, absl::Time now) override;
  absl::StatusOr<bool> ReplaceHash(const UserId& id, int64_t version,
                                   std::string_view password_hash) override;
  absl::StatusOr<UserId> RaiseVersions(const UserId& after, int64_t step, int limit) override;
  absl::StatusOr<bool> Delete(const UserId& id) override;

 private:
  // The row alone, without the table of email addresses.
  absl::StatusOr<bool> UpdateRow(const User& user, int64_t expected_revision);

  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_USER_REPOSITORY_H_
