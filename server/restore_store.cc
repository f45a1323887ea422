#include "server/restore_store.h"

#include <memory>
#include <utility>

#include "server/audit/auditing_log.h"
#include "server/audit/decision_queue.h"
#include "server/audit/stored_audit_trail.h"
#include "server/auth/key_ring.h"
#include "server/auth/sealer.h"
#include "server/auth/store_restoration.h"
#include "server/open_store.h"
#include "server/part_options.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr int kConnections = 3;
constexpr char kReplicaPrefix[] = "rep_";

}  // namespace

absl::StatusOr<int64_t> RestoreStore(const Config& config, const Clock& clock, LogSink& log) {
  TESSERA_ASSIGN_OR_RETURN(MasterKeys master, MasterKeys::FromFile(config.keys.master_key_file));
  TESSERA_ASSIGN_OR_RETURN(const Sealer sealer, Sealer::Create(master));
  TESSERA_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store,
                           OpenStore({config.storage, kConnections, {}}, clock, log));
  const KeyPolicy policy = KeyPolicyOf(config);
  DecisionQueue decisions(clock);
  AuditingLog audited(log, decisions, clock);
  // Without a master key that opens the audit key there is no trail to tell, and the store must get
  // its new life all the same.
  const auto keys = KeyRing::Open(*store, std::move(master), policy.algorithm, clock, audited);
  std::unique_ptr<StoredAuditTrail> trail;
  KeyRecord record;
  if (keys.ok()) {
    TESSERA_ASSIGN_OR_RETURN(trail,
                             StoredAuditTrail::Open({RandomId(kReplicaPrefix, clock.Now()), ""},
                                                    {*store, **keys, decisions, clock, audited}));
    record = [&trail](storage::Repositories& in, const KeyChange&) {
      return trail->AppendIn(in, CallInfo(), {"keys.restoration_asked"});
    };
  }
  return MarkStoreRestored({*store, sealer, policy, clock, audited, record},
                           clock.Now() + kRestorationTimeout);
}

}  // namespace tessera::server
