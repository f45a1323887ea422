// Sealed keys and what identifies the store, at rest.
#ifndef TESSERA_STORAGE_KEY_REPOSITORY_H_
#define TESSERA_STORAGE_KEY_REPOSITORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class KeyRepository {
 public:
  virtual ~KeyRepository() = default;

  // All keys in the order of created_at.
  virtual absl::StatusOr<std::vector<StoredKey>> List() = 0;
  virtual absl::Status Insert(const StoredKey& key) = 0;
  // Writes all but use, algorithm and public_jwk; false if there is no such key.
  virtual absl::StatusOr<bool> Update(const StoredKey& key) = 0;
  virtual absl::StatusOr<bool> Delete(const std::string& kid) = 0;

  // Rises with each change of the key set; 0 before the first.
  virtual absl::StatusOr<int64_t> Version() = 0;
  // Raises the version by one if it is still `from`; false if somebody else was faster.
  virtual absl::StatusOr<bool> AdvanceVersion(int64_t from) = 0;

  // 16 random bytes that name this store's life; empty until set. A restored store gets another.
  virtual absl::StatusOr<std::string> StoreEpoch() = 0;
  virtual absl::Status SetStoreEpoch(const std::string& epoch) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_KEY_REPOSITORY_H_
