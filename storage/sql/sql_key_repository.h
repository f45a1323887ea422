// Sealed keys and the store's identity in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_KEY_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_KEY_REPOSITORY_H_

#include <string>
#include <vector>

#include "storage/key_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlKeyRepository final : public KeyRepository {
 public:
  explicit SqlKeyRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::StatusOr<std::vector<StoredKey>> List() override;
  absl::Status Insert(const StoredKey& key) override;
  absl::StatusOr<bool> Update(const StoredKey& key) override;
  absl::StatusOr<bool> Delete(const std::string& kid) override;
  absl::StatusOr<int64_t> Version() override;
  absl::StatusOr<bool> AdvanceVersion(int64_t from) override;
  absl::StatusOr<std::string> StoreEpoch() override;
  absl::Status SetStoreEpoch(const std::string& epoch) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_KEY_REPOSITORY_H_
