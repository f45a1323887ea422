// What is kept of passwords, in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_PASSWORD_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_PASSWORD_REPOSITORY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/password_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlPasswordRepository final : public PasswordRepository {
 public:
  explicit SqlPasswordRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::StatusOr<std::vector<std::string>> HashCosts() override;
  absl::StatusOr<int64_t> ForgetUnusedHashCosts(int limit) override;
  absl::Status PutReset(const PasswordReset& reset) override;
  absl::StatusOr<std::optional<PasswordReset>> FindReset(const UserId& user) override;
  absl::StatusOr<bool> TakeReset(const UserId& user, std::string_view hash) override;
  absl::StatusOr<int64_t> DeleteExpiredResets(absl::Time before, int limit) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_PASSWORD_REPOSITORY_H_
