// Removes rows that nobody can need any more, so that no table grows with traffic, and goes on with
// what servers have begun and not brought to an end.
#ifndef TESSERA_SERVER_AUTH_STORE_CLEANER_H_
#define TESSERA_SERVER_AUTH_STORE_CLEANER_H_

#include <cstdint>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/pruning_clock.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe. A thread of its own, so that waiting for the store's writer delays no reader. Of the
// replicas on a store the one that holds the lease cleans; the others ask for it each kInterval. It
// does nothing at the start: the first turn is kInterval away.
class StoreCleaner {
 public:
  // No transaction removes more, so a login waits for few of them. An index leads to the rows of
  // each kind.
  static constexpr int kBatch = 250;
  static constexpr absl::Duration kInterval = absl::Minutes(1);
  // The lease is taken anew with each batch, in its transaction. So a holder that is gone, or has
  // lost the database, is replaced within kLease + kInterval of its last batch.
  static constexpr absl::Duration kLease = absl::Minutes(3);
  // A clock that differs from the database's by more might remove what others still need.
  static constexpr absl::Duration kMaxClockDifference = absl::Seconds(30);
  // Counters of attempts that are forgotten stay for so long, for the sake of slower clocks.
  static constexpr absl::Duration kThrottleSlack = absl::Minutes(1);
  // A replica that has reported nothing for so long is gone.
  static constexpr absl::Duration kReportLife = absl::Hours(1);

  // All references must outlive the cleaner. Its thread cleans each `interval`.
  StoreCleaner(storage::Store& store, const Clock& clock, LogSink& log,
               absl::Duration interval = kInterval);
  // Gives the lease back, if the store answers soon.
  ~StoreCleaner();
  StoreCleaner(const StoreCleaner&) = delete;
  StoreCleaner& operator=(const StoreCleaner&) = delete;

  // How many rows of each kind went. Of losses: how many transactions went on with them.
  struct Removed {
    int64_t sessions = 0;
    int64_t revocations = 0;
    int64_t secrets = 0;  // of service accounts
    int64_t assertions = 0;
    int64_t requests = 0;  // that were answered
    int64_t throttle = 0;  // counters
    int64_t resets = 0;    // tokens that set a new password
    int64_t costs = 0;     // of password hashes that no user has any more
    int64_t reports = 0;   // of replicas
    int64_t roles = 0;     // that were deleted, their grants and themselves
    int64_t losses = 0;    // of groups' roles (storage::GroupRepository), not rows
    int64_t Total() const {
      return sessions + revocations + secrets + assertions + requests + throttle + resets + costs +
             reports + roles + losses;
    }
  };
  // One batch of each kind, with a rest behind each that removed something; nothing from the moment
  // on when another replica holds the lease. Revocations, secrets, assertions and requests go when
  // they have been expired for kRevocationSlack; sessions when they have been over for so long that
  // no access token of theirs can be alive; what there is of deleted roles at once. Losses of
  // groups' roles are brought to their end: a server that died, or whose caller's deadline passed,
  // has left members with live tokens. Blocks on the store.
  absl::StatusOr<Removed> CleanOnce() { return Clean(1); }
  // Batches until none is full, the lease is another's or the cleaner goes: what comes in faster
  // than a batch an interval is removed as well. Nothing while the clock differs from the
  // database's by more than kMaxClockDifference (event `store.clean_skipped`, once each time).
  // Blocks on the store.
  absl::StatusOr<Removed> CleanAll();

 private:
  struct Kind;

  void Run();
  absl::StatusOr<Removed> Clean(int batches_of_each);
  // False, here and from EndLoss: there is nothing more to do for now.
  absl::StatusOr<bool> CleanKind(const Kind& kind, int batches, Removed& removed);
  absl::StatusOr<int64_t> CleanBatch(const Kind& kind);
  absl::Status EndLosses(Removed& removed);
  absl::StatusOr<bool> EndLoss(const storage::GroupLoss& loss, Removed& removed);
  // True: there are more to do.
  absl::StatusOr<bool> EndLossBatch(const storage::GroupLoss& loss);
  absl::Status Remember();
  void NoteLease(bool held) ABSL_LOCKS_EXCLUDED(mu_);
  void DropLease();
  bool Rest(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);
  bool HoldsLease() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<bool> ClockIsRight() ABSL_LOCKS_EXCLUDED(mu_);

  storage::Store& store_;
  const Clock& clock_;
  LogSink& log_;
  const absl::Duration interval_;
  PruningClock pruning_;
  const std::string me_;
  mutable Mutex mu_;
  CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool skipping_ ABSL_GUARDED_BY(mu_) = false;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORE_CLEANER_H_
