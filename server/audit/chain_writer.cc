#include "server/audit/chain_writer.h"

#include "server/audit/chain_mac.h"
#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::AuditChain;
using storage::AuditEvent;
using storage::AuditRegister;
using storage::Repositories;

constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

absl::Status KeyMissing() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the key of the audit trail is not loaded yet", kRetryForKey);
}

// Changes the register and seals it again; one that was not sealed right stays so. One without a
// key was blanked, for the key ring seals it when it makes the audit key: it stays blank.
template <typename Change>
absl::Status ChangeRegister(Repositories& in, const KeySnapshot& keys, const Change& change) {
  TESSERA_ASSIGN_OR_RETURN(AuditRegister content, in.audit.TakeRegister());
  if (content.kid.empty()) return absl::OkStatus();
  const bool right = RegisterHolds(keys, content);
  const Secret* key = AuditKey(keys, content.kid);
  if (key == nullptr) return KeyMissing();
  change(*key, content);
  if (right) content.tag = AuditRegisterTag(*key, content);
  return in.audit.UpdateRegister(content);
}

absl::Status ToggleInRegister(Repositories& in, const KeySnapshot& keys, const std::string& id) {
  return ChangeRegister(in, keys, [&id](const Secret& key, AuditRegister& content) {
    content.chains = ToggleAuditChain(key, content.chains, id);
  });
}

absl::Status SealHead(const KeySnapshot& keys, AuditChain& chain) {
  const Secret* key = AuditKey(keys, keys.audit_kid);
  if (key == nullptr) return KeyMissing();
  chain.kid = keys.audit_kid;
  chain.tag = AuditHeadTag(*key, chain);
  return absl::OkStatus();
}

absl::Status SealFloor(const KeySnapshot& keys, AuditChain& chain) {
  const Secret* key = AuditKey(keys, keys.audit_kid);
  if (key == nullptr) return KeyMissing();
  chain.floor_kid = keys.audit_kid;
  chain.floor_tag = AuditFloorTag(*key, chain);
  return absl::OkStatus();
}

absl::Status RemoveWhole(Repositories& in, const KeySnapshot& keys, const std::string& id) {
  TESSERA_RETURN_IF_ERROR(in.audit.DeleteChain(id));
  return ToggleInRegister(in, keys, id);
}

// How far the chain is as old as `before`, and whole.
struct OldPart {
  PrunedChain pruned;
  int64_t last = 0;
  std::string mac;
};

OldPart OldPartOf(const KeySnapshot& keys, const AuditChain& chain,
                  const std::vector<AuditEvent>& events, absl::Time before) {
  OldPart old;
  ChainCheck check(keys, chain, chain.floor_sequence, chain.floor_mac);
  for (const AuditEvent& event : events) {
    if (event.at >= before) break;
    old.pruned.fault = check.Check(event);
    if (old.pruned.fault.has_value()) break;
    ++old.pruned.removed;
  }
  old.last = check.sequence();
  old.mac = check.mac();
  return old;
}

}  // namespace

absl::StatusOr<ChainState> AppendToChain(Repositories& in, const KeySnapshot& keys,
                                         std::string_view replica_id,
                                         std::vector<AuditEvent>& events, ChainEnd* found) {
  const Secret* key = AuditKey(keys, keys.audit_kid);
  if (key == nullptr) return KeyMissing();
  TESSERA_ASSIGN_OR_RETURN(std::optional<AuditChain> chain, in.audit.TakeChain(replica_id));
  if (!chain.has_value()) return ChainState::kMissing;
  if (AuditKey(keys, chain->kid) == nullptr) return KeyMissing();
  if (!HeadHolds(keys, *chain)) return ChainState::kBroken;
  if (found != nullptr) *found = {chain->replica_id, chain->sequence, chain->mac};
  for (AuditEvent& event : events) {
    event.replica_id = chain->replica_id;
    event.sequence = ++chain->sequence;
    event.kid = keys.audit_kid;
    event.mac = AuditEventMac(*key, event, chain->mac);
    chain->mac = event.mac;
    chain->updated_at = event.at;
  }
  TESSERA_RETURN_IF_ERROR(SealHead(keys, *chain));
  TESSERA_RETURN_IF_ERROR(in.audit.Append(events));
  TESSERA_RETURN_IF_ERROR(in.audit.UpdateChain(*chain));
  return ChainState::kGood;
}

absl::Status BeginChain(Repositories& in, const KeySnapshot& keys, const std::string& replica_id,
                        absl::Time now) {
  AuditChain chain;
  chain.replica_id = replica_id;
  chain.mac = chain.floor_mac = FirstAuditMac();
  chain.updated_at = now;
  TESSERA_RETURN_IF_ERROR(SealHead(keys, chain));
  TESSERA_RETURN_IF_ERROR(SealFloor(keys, chain));
  TESSERA_RETURN_IF_ERROR(in.audit.InsertChain(chain));
  return ToggleInRegister(in, keys, replica_id);
}

absl::StatusOr<std::optional<std::string>> ExchangeConfig(Repositories& in, const KeySnapshot& keys,
                                                          const std::string& config) {
  std::string before;
  TESSERA_RETURN_IF_ERROR(ChangeRegister(in, keys, [&](const Secret&, AuditRegister& content) {
    before = content.config;
    content.config = config;
  }));
  return before.empty() ? std::nullopt : std::optional(before);
}

absl::StatusOr<PrunedChain> PruneChain(Repositories& in, const KeySnapshot& keys,
                                       const std::string& replica_id, absl::Time before,
                                       int limit) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<AuditChain> chain, in.audit.TakeChain(replica_id));
  if (!chain.has_value()) return PrunedChain();
  if (auto fault = ChainCheck::CheckFloor(keys, *chain); fault.has_value()) {
    return PrunedChain{0, false, std::move(fault)};
  }
  TESSERA_ASSIGN_OR_RETURN(const std::vector<AuditEvent> events,
                           in.audit.ListChain(replica_id, chain->floor_sequence, limit));
  OldPart old = OldPartOf(keys, *chain, events, before);
  old.pruned.more = old.pruned.removed == limit;
  if (old.pruned.removed > 0) {
    chain->floor_sequence = old.last;
    chain->floor_mac = old.mac;
    TESSERA_RETURN_IF_ERROR(SealFloor(keys, *chain));
    TESSERA_RETURN_IF_ERROR(in.audit.DeleteThrough(replica_id, old.last));
    TESSERA_RETURN_IF_ERROR(in.audit.UpdateChain(*chain));
  }
  const bool empty = chain->floor_sequence == chain->sequence && chain->updated_at < before;
  if (!empty || old.pruned.fault.has_value() || !HeadHolds(keys, *chain)) return old.pruned;
  TESSERA_RETURN_IF_ERROR(RemoveWhole(in, keys, replica_id));
  return old.pruned;
}

}  // namespace tessera::server
