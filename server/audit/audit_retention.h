// Removes what has been kept in the audit trail for long enough.
#ifndef TESSERA_SERVER_AUDIT_AUDIT_RETENTION_H_
#define TESSERA_SERVER_AUDIT_AUDIT_RETENTION_H_

#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "server/auth/pruning_clock.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe. As StoreCleaner: a thread of its own, one of the replicas at a time (its own lease),
// batches with rests between, nothing while the clock differs from the database's, nothing at the
// start. What does not hold together is left as it is, for `tessera audit verify` to show, and so
// is what comes behind it in its chain (event `audit.fault_found`). Whoever is refused may write
// rows: beyond a number of them the oldest go early, whatever their age, but for the last of each
// chain (event `audit.pruned_early`).
class AuditRetention {
 public:
  static constexpr int kBatch = 250;
  static constexpr absl::Duration kInterval = absl::Minutes(1);
  static constexpr absl::Duration kLease = absl::Minutes(3);

  struct Policy {
    absl::Duration kept;     // `audit.retention`
    int64_t max_events = 0;  // `audit.max_events`
  };
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    const Clock& clock;
    LogSink& log;
  };
  // All references must outlive it.
  AuditRetention(Policy policy, Parts parts, absl::Duration interval = kInterval);
  // Gives the lease back, if the store answers soon.
  ~AuditRetention();
  AuditRetention(const AuditRetention&) = delete;
  AuditRetention& operator=(const AuditRetention&) = delete;

  // All that is too old or too much; how many events went. Blocks on the store.
  absl::StatusOr<int64_t> PruneAll();

 private:
  struct Step {
    int64_t removed = 0;
    bool more = false;  // of the same chain
    bool mine = true;   // the lease
  };
  void Run();
  // What is to go next beyond the number of events that are kept.
  struct Excess {
    std::string chain;  // whose first event is the oldest; empty: nothing is to go
    int count = 0;      // at most a batch
  };
  absl::StatusOr<int64_t> PruneOld();
  absl::StatusOr<int64_t> PruneExcess();
  absl::StatusOr<Excess> FindExcess(const std::set<std::string>& passed_over);
  absl::StatusOr<Step> PruneSome(const std::string& chain, absl::Time before, int limit);
  bool RestBehind(absl::Duration began, const Step& step);
  absl::StatusOr<std::string> NextChain(const std::string& after, absl::Time before);
  absl::Status Remember();
  bool Rest(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);

  const Policy policy_;
  const Parts parts_;
  const absl::Duration interval_;
  const std::string me_;
  PruningClock pruning_;
  mutable Mutex mu_;
  CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool held_ ABSL_GUARDED_BY(mu_) = false;  // the lease, when it was last asked for
  std::thread thread_;                      // last: it uses the rest
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_AUDIT_RETENTION_H_
