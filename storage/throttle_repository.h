// How often something was tried of late: the counters of throttling, shared by all replicas.
#ifndef TESSERA_STORAGE_THROTTLE_REPOSITORY_H_
#define TESSERA_STORAGE_THROTTLE_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class ThrottleRepository {
 public:
  virtual ~ThrottleRepository() = default;

  // Those of `ids` that are there, in the order of their ids. At most 16 ids.
  virtual absl::StatusOr<std::vector<ThrottleCounter>> Find(
      const std::vector<std::string>& ids) = 0;
  // As Find; no other transaction changes what is found until this one ends.
  virtual absl::StatusOr<std::vector<ThrottleCounter>> Take(
      const std::vector<std::string>& ids) = 0;
  // Compare-and-swap: replaces the counter `next.id` if it is still as `seen`, or inserts it if
  // `seen` is absent. False if somebody was faster; the transaction goes on.
  virtual absl::StatusOr<bool> Swap(const std::optional<ThrottleCounter>& seen,
                                    const ThrottleCounter& next) = 0;
  // Takes one attempt back. If `attempts` is still what there is, that attempt was the last one,
  // and nothing is blocked beyond `at` any more. OK if the counter is gone.
  virtual absl::Status GiveBack(const std::string& id, int64_t attempts, absl::Time at) = 0;
  // OK if there is none.
  virtual absl::Status Erase(const std::string& id) = 0;
  // Removes at most `limit` counters that expired before `before`; how many.
  virtual absl::StatusOr<int64_t> DeleteExpired(absl::Time before, int limit) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_THROTTLE_REPOSITORY_H_
