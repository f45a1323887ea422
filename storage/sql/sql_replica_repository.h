// Replicas and leases in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_REPLICA_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_REPLICA_REPOSITORY_H_

#include <string_view>
#include <vector>

#include "storage/replica_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlReplicaRepository final : public ReplicaRepository {
 public:
  explicit SqlReplicaRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Report(const ReplicaReport& report) override;
  absl::StatusOr<std::vector<ReplicaReport>> ListSince(absl::Time since) override;
  absl::StatusOr<int64_t> DeleteOld(absl::Time before, int limit) override;
  absl::Status Leave(std::string_view id) override;
  absl::StatusOr<bool> TakeLease(std::string_view name, std::string_view holder, absl::Time now,
                                 absl::Time until) override;
  absl::Status DropLease(std::string_view name, std::string_view holder) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_REPLICA_REPOSITORY_H_
