// The ordered feed of revocations in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_REVOCATION_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_REVOCATION_REPOSITORY_H_

#include <optional>
#include <vector>

#include "storage/revocation_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlRevocationRepository final : public RevocationRepository {
 public:
  explicit SqlRevocationRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Append(std::vector<Revocation> entries) override;
  absl::StatusOr<int64_t> Head() override;
  absl::StatusOr<std::vector<Revocation>> ListAfter(int64_t seq, int limit) override;
  absl::StatusOr<int64_t> DeleteExpired(absl::Time before, int limit) override;
  absl::StatusOr<std::optional<absl::Time>> PruningTime() override;
  absl::Status RaisePruningTime(absl::Time to) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_REVOCATION_REPOSITORY_H_
