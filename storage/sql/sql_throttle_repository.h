// ThrottleRepository in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_THROTTLE_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_THROTTLE_REPOSITORY_H_

#include <optional>
#include <string>
#include <vector>

#include "storage/sql/transaction.h"
#include "storage/throttle_repository.h"

namespace tessera::storage::sql {

class SqlThrottleRepository final : public ThrottleRepository {
 public:
  explicit SqlThrottleRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::StatusOr<std::vector<ThrottleCounter>> Find(const std::vector<std::string>& ids) override;
  absl::StatusOr<std::vector<ThrottleCounter>> Take(const std::vector<std::string>& ids) override;
  absl::StatusOr<bool> Swap(const std::optional<ThrottleCounter>& seen,
                            const ThrottleCounter& next) override;
  absl::Status GiveBack(const std::string& id, int64_t attempts, absl::Time at) override;
  absl::Status Erase(const std::string& id) override;
  absl::StatusOr<int64_t> DeleteExpired(absl::Time before, int limit) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_THROTTLE_REPOSITORY_H_
