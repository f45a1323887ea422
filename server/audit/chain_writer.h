// Adds to the audit trail's chains inside a transaction, and takes what is too old from them.
#ifndef TESSERA_SERVER_AUDIT_CHAIN_WRITER_H_
#define TESSERA_SERVER_AUDIT_CHAIN_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/audit/chain_check.h"
#include "server/auth/key_ring.h"
#include "storage/store.h"

namespace tessera::server {

enum class ChainState {
  kGood,
  kMissing,  // there is no such chain
  kBroken,   // its end is not what was written: going on with it would cover that up
};

// Where a chain ends, or ended.
struct ChainEnd {
  std::string replica_id;
  int64_t sequence = 0;
  std::string mac;
};

// Gives `events` their places, keys and MACs and adds them. What is not kGood is not touched. Takes
// the chain's row: other transactions of this replica that write to it wait until this one ends.
// `found`: where a chain that is kGood ended before, if that is asked for.
// UNAVAILABLE KEYS_UNAVAILABLE.
absl::StatusOr<ChainState> AppendToChain(storage::Repositories& in, const KeySnapshot& keys,
                                         std::string_view replica_id,
                                         std::vector<storage::AuditEvent>& events,
                                         ChainEnd* found = nullptr);

// Makes an empty chain and puts it into the register.
absl::Status BeginChain(storage::Repositories& in, const KeySnapshot& keys,
                        const std::string& replica_id, absl::Time now);

// Takes the configuration down in the register; what was there before, absent if nothing was.
absl::StatusOr<std::optional<std::string>> ExchangeConfig(storage::Repositories& in,
                                                          const KeySnapshot& keys,
                                                          const std::string& config);

struct PrunedChain {
  int64_t removed = 0;
  bool more = false;                // there may be others that are as old
  std::optional<AuditFault> fault;  // nothing is removed from there on: it would cover that up
};
// Removes at most `limit` of the chain's oldest events, of those before `before`, and leaves a
// checkpoint; the chain too, when nothing is left of it and nothing was added since `before`.
absl::StatusOr<PrunedChain> PruneChain(storage::Repositories& in, const KeySnapshot& keys,
                                       const std::string& replica_id, absl::Time before, int limit);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_CHAIN_WRITER_H_
