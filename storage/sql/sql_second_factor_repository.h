// SecondFactorRepository in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_SECOND_FACTOR_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_SECOND_FACTOR_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "storage/second_factor_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlSecondFactorRepository final : public SecondFactorRepository {
 public:
  explicit SqlSecondFactorRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Offer(const SecondFactor& factor) override;
  absl::StatusOr<std::optional<SecondFactor>> Find(const UserId& user) override;
  absl::StatusOr<bool> Confirm(const UserId& user, std::string_view sealed, int64_t step) override;
  absl::StatusOr<bool> UseStep(const UserId& user, int64_t step) override;
  absl::StatusOr<int64_t> UseStepsUntil(absl::Time now, int limit) override;
  absl::StatusOr<bool> Delete(const UserId& user) override;
  absl::Status ReplaceCodes(const UserId& user, const std::vector<RecoveryCode>& codes) override;
  absl::StatusOr<std::vector<RecoveryCode>> Codes(const UserId& user) override;
  absl::StatusOr<bool> UseCode(const UserId& user, std::string_view hash) override;

 private:
  Transaction& transaction_;
};

// What goes with a user.
void DeleteSecondFactor(soci::session& session, const UserId& user);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_SECOND_FACTOR_REPOSITORY_H_
