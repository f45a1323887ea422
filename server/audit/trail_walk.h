// One part of the check of the whole audit trail: chain by chain, in the order of their ids.
#ifndef TESSERA_SERVER_AUDIT_TRAIL_WALK_H_
#define TESSERA_SERVER_AUDIT_TRAIL_WALK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/audit/chain_check.h"
#include "server/auth/key_ring.h"
#include "storage/store.h"

namespace tessera::server {

// In one transaction, on one thread. Reads `most` events at most.
class TrailWalk {
 public:
  TrailWalk(storage::Repositories& in, const KeySnapshot& keys, int most)
      : in_(in), keys_(keys), left_(most) {}

  // Whether the chains are those that were begun and not removed since.
  absl::Status CheckRegister();

  // Where to go on: at the event behind `sequence` of a chain, which was right; the beginning of a
  // chain: 0; behind a chain: kWholeChain.
  struct Place {
    std::string replica_id;  // empty: from the first chain on
    int64_t sequence = 0;
  };
  static constexpr int64_t kWholeChain = INT64_MAX;
  // Absent: all has been checked.
  absl::StatusOr<std::optional<storage::AuditPosition>> GoOnFrom(Place place);

  int64_t count() const { return count_; }
  const std::vector<AuditFault>& faults() const { return faults_; }

 private:
  absl::StatusOr<std::string> NextAfter(const std::string& id);
  absl::StatusOr<std::optional<AuditFault>> CheckBeginning(const storage::AuditChain& chain);
  absl::StatusOr<std::optional<int64_t>> CheckChain(const std::string& id, int64_t from);
  absl::StatusOr<std::optional<int64_t>> CheckEvents(const storage::AuditChain& chain,
                                                     ChainCheck check);
  std::optional<int64_t> Note(std::optional<AuditFault> fault);
  absl::Status CheckWhatItNotes(const storage::AuditEvent& event);

  storage::Repositories& in_;
  const KeySnapshot& keys_;
  int left_;
  int64_t count_ = 0;
  std::vector<AuditFault> faults_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_TRAIL_WALK_H_
