// The ordered feed of revocations at rest.
#ifndef TESSERA_STORAGE_REVOCATION_REPOSITORY_H_
#define TESSERA_STORAGE_REVOCATION_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class RevocationRepository {
 public:
  virtual ~RevocationRepository() = default;

  // Gives each entry the next `seq` and stores it. Call it last in a transaction: it takes the lock
  // that makes the order of commits the order of `seq`.
  virtual absl::Status Append(std::vector<Revocation> entries) = 0;
  // The last `seq` given; 0 for none.
  virtual absl::StatusOr<int64_t> Head() = 0;
  // Entries with a higher `seq`, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<Revocation>> ListAfter(int64_t seq, int limit) = 0;
  // Removes at most `limit` entries that expired before `before`; how many.
  virtual absl::StatusOr<int64_t> DeleteExpired(absl::Time before, int limit) = 0;

  // How far whoever removes what has expired had come, by a clock that never runs ahead; absent if
  // nobody has said so yet.
  virtual absl::StatusOr<std::optional<absl::Time>> PruningTime() = 0;
  // Never back.
  virtual absl::Status RaisePruningTime(absl::Time to) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_REVOCATION_REPOSITORY_H_
