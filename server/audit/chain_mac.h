// The keyed hashes of the audit trail (HMAC-SHA-256): whoever can write to the database but has no
// audit key can change, remove, move and cut nothing without its showing.
#ifndef TESSERA_SERVER_AUDIT_CHAIN_MAC_H_
#define TESSERA_SERVER_AUDIT_CHAIN_MAC_H_

#include <string>
#include <string_view>

#include "server/auth/key_ring.h"
#include "storage/audit_repository.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr size_t kAuditMacBytes = 32;

// What stands for the event before the first.
std::string FirstAuditMac();

// Over every field of the event, the replica's id and its place among them, and `previous`, the MAC
// of the event before.
std::string AuditEventMac(const Secret& key, const storage::AuditEvent& event,
                          std::string_view previous);
// Over where the chain ends: a tail that is cut has another.
std::string AuditHeadTag(const Secret& key, const storage::AuditChain& chain);
// Over where it begins: the checkpoint that retention leaves.
std::string AuditFloorTag(const Secret& key, const storage::AuditChain& chain);
// Over the register.
std::string AuditRegisterTag(const Secret& key, const storage::AuditRegister& content);
// Puts a chain into `chains` of a register, or takes it out again.
std::string ToggleAuditChain(const Secret& key, std::string_view chains, std::string_view id);

// Whether a tag of a row is that of its key; false for a key that is not here.
bool HeadHolds(const KeySnapshot& keys, const storage::AuditChain& chain);
bool FloorHolds(const KeySnapshot& keys, const storage::AuditChain& chain);
bool RegisterHolds(const KeySnapshot& keys, const storage::AuditRegister& content);

// Null: not here.
const Secret* AuditKey(const KeySnapshot& keys, const std::string& kid);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_CHAIN_MAC_H_
