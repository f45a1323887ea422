// Replicas that share a store: who is there, and who does what must be done once.
#ifndef TESSERA_STORAGE_REPLICA_REPOSITORY_H_
#define TESSERA_STORAGE_REPLICA_REPOSITORY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"

namespace tessera::storage {

// The longest lease. An end further ahead than this is a broken clock's and binds nobody.
inline constexpr absl::Duration kLongestLease = absl::Hours(1);

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class ReplicaRepository {
 public:
  virtual ~ReplicaRepository() = default;

  // Inserts or replaces the report of `report.id`.
  virtual absl::Status Report(const ReplicaReport& report) = 0;
  // Reports made at or after `since`, by id.
  virtual absl::StatusOr<std::vector<ReplicaReport>> ListSince(absl::Time since) = 0;
  // Removes reports made before `before`, at most `limit`; how many.
  virtual absl::StatusOr<int64_t> DeleteOld(absl::Time before, int limit) = 0;
  // Removes one's own.
  virtual absl::Status Leave(std::string_view id) = 0;

  // Takes or keeps the lease `name` for `holder` until `until`, by compare-and-swap: true if nobody
  // holds it, its end has passed at `now`, or `holder` has it. For kLongestLease at most
  // (INTERNAL). A lease saves work; what must not happen twice is guarded by itself.
  virtual absl::StatusOr<bool> TakeLease(std::string_view name, std::string_view holder,
                                         absl::Time now, absl::Time until) = 0;
  // Gives the lease back if `holder` has it.
  virtual absl::Status DropLease(std::string_view name, std::string_view holder) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_REPLICA_REPOSITORY_H_
