#include "server/restore_store.h"

#include <memory>
#include <utility>

#include "server/auth/key_ring.h"
#include "server/auth/sealer.h"
#include "server/auth/store_restoration.h"
#include "server/open_store.h"
#include "server/part_options.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr int kConnections = 2;

}  // namespace

absl::StatusOr<int64_t> RestoreStore(const Config& config, const Clock& clock, LogSink& log) {
  TESSERA_ASSIGN_OR_RETURN(MasterKeys master, MasterKeys::FromFile(config.keys.master_key_file));
  TESSERA_ASSIGN_OR_RETURN(const Sealer sealer, Sealer::Create(std::move(master)));
  TESSERA_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store,
                           OpenStore({config.storage, kConnections, {}}, clock, log));
  const KeyPolicy policy = KeyPolicyOf(config);
  return MarkStoreRestored({*store, sealer, policy, clock, log}, clock.Now() + kRestorationTimeout);
}

}  // namespace tessera::server
