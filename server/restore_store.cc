#include "server/restore_store.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "server/auth/key_ring.h"
#include "server/auth/sealer.h"
#include "server/auth/store_restoration.h"
#include "server/open_store.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr int kConnections = 2;

}  // namespace

KeyPolicy KeyPolicyOf(const Config& config) {
  KeyPolicy policy;
  policy.algorithm = AlgorithmFromName(config.keys.algorithm).value_or(policy.algorithm);
  policy.rotate_every = config.keys.rotate_every;
  policy.publish_ahead = config.keys.publish_ahead;
  policy.acknowledge_timeout = config.keys.acknowledge_timeout;
  policy.access_ttl = config.tokens.access_ttl;
  policy.refresh_ttl = config.tokens.refresh_ttl;
  if (config.tokens.renewal_needs_access_token) {
    policy.proof_ttl = std::min(config.tokens.refresh_idle_ttl, config.tokens.refresh_ttl);
  }
  policy.max_clock_difference = config.storage.max_clock_difference;
  return policy;
}

absl::StatusOr<int64_t> RestoreStore(const Config& config, const Clock& clock, LogSink& log) {
  TESSERA_ASSIGN_OR_RETURN(MasterKeys master, MasterKeys::FromFile(config.keys.master_key_file));
  TESSERA_ASSIGN_OR_RETURN(const Sealer sealer, Sealer::Create(std::move(master)));
  TESSERA_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store,
                           OpenStore({config.storage, kConnections, {}}, clock, log));
  const KeyPolicy policy = KeyPolicyOf(config);
  return MarkStoreRestored({*store, sealer, policy, clock, log}, clock.Now() + kRestorationTimeout);
}

}  // namespace tessera::server
