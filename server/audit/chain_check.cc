#include "server/audit/chain_check.h"

#include <utility>

#include "server/audit/chain_mac.h"
#include "tessera/base/secret.h"

namespace tessera::server {

std::optional<AuditFault> ChainCheck::CheckFloor(const KeySnapshot& keys,
                                                 const storage::AuditChain& chain) {
  if (FloorHolds(keys, chain)) return std::nullopt;
  return AuditFault{chain.replica_id, chain.floor_sequence + 1,
                    "the checkpoint before this event is not what was written"};
}

AuditFault ChainCheck::FaultAt(int64_t sequence, std::string finding) const {
  return {chain_.replica_id, sequence, std::move(finding)};
}

std::optional<AuditFault> ChainCheck::Check(const storage::AuditEvent& event) {
  const int64_t expected = sequence_ + 1;
  if (event.sequence != expected) return FaultAt(expected, "the event is missing");
  const Secret* key = AuditKey(keys_, event.kid);
  if (key == nullptr) return FaultAt(expected, "the event names a key that there is not");
  if (!Secret::ConstantTimeEqual(AuditEventMac(*key, event, mac_), event.mac)) {
    return FaultAt(expected, "the event, or the one before it, is not what was written");
  }
  sequence_ = event.sequence;
  mac_ = event.mac;
  return std::nullopt;
}

std::optional<AuditFault> ChainCheck::CheckHead() const {
  if (!HeadHolds(keys_, chain_)) {
    return FaultAt(sequence_ + 1, "where the chain ends is not what was written");
  }
  if (chain_.sequence > sequence_) return FaultAt(sequence_ + 1, "the event is missing");
  if (chain_.sequence < sequence_) {
    return FaultAt(chain_.sequence + 1, "the event stands behind the end of the chain");
  }
  if (chain_.mac != mac_) {
    return FaultAt(sequence_, "the last event is not the one that was written");
  }
  return std::nullopt;
}

}  // namespace tessera::server
