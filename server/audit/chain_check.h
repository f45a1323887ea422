// Walks along a chain of the audit trail and says where it is not as it was written.
#ifndef TESSERA_SERVER_AUDIT_CHAIN_CHECK_H_
#define TESSERA_SERVER_AUDIT_CHAIN_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "server/auth/key_ring.h"
#include "storage/audit_repository.h"

namespace tessera::server {

struct AuditFault {
  std::string replica_id;
  int64_t sequence = 0;  // of the first event that does not fit, or that is missing
  std::string finding;   // for people to read
};

// One walk, on one thread. `keys` must outlive it.
class ChainCheck {
 public:
  // From behind what retention has removed; a fault if the checkpoint is not what it was.
  static std::optional<AuditFault> CheckFloor(const KeySnapshot& keys,
                                              const storage::AuditChain& chain);
  // From behind the event with this place and MAC.
  ChainCheck(const KeySnapshot& keys, const storage::AuditChain& chain, int64_t sequence,
             std::string mac)
      : keys_(keys), chain_(chain), sequence_(sequence), mac_(std::move(mac)) {}

  // The next event.
  std::optional<AuditFault> Check(const storage::AuditEvent& event);
  // Behind the last event that there is.
  std::optional<AuditFault> CheckHead() const;

  // Of the last event that was right.
  int64_t sequence() const { return sequence_; }
  const std::string& mac() const { return mac_; }

 private:
  AuditFault FaultAt(int64_t sequence, std::string finding) const;

  const KeySnapshot& keys_;
  const storage::AuditChain& chain_;
  int64_t sequence_;
  std::string mac_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_CHAIN_CHECK_H_
