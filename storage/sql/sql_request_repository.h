// Answered requests in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_REQUEST_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_REQUEST_REPOSITORY_H_

#include "storage/request_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlRequestRepository final : public RequestRepository {
 public:
  explicit SqlRequestRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::StatusOr<std::optional<AnsweredRequest>> Keep(const AnsweredRequest& request,
                                                      absl::Time now) override;
  absl::StatusOr<int64_t> DeleteExpired(absl::Time before, int limit) override;

 private:
  absl::StatusOr<std::optional<AnsweredRequest>> Find(const std::string& request_hash);

  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_REQUEST_REPOSITORY_H_
