// The audit trail in the store: a chain of this replica's own.
#ifndef TESSERA_SERVER_AUDIT_STORED_AUDIT_TRAIL_H_
#define TESSERA_SERVER_AUDIT_STORED_AUDIT_TRAIL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/audit/audit_trail.h"
#include "server/audit/chain_writer.h"
#include "server/audit/decision_queue.h"
#include "server/auth/key_ring.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe. A thread of its own writes what waits in the queue, kGather behind the first of it:
// a process that is killed loses no more than the last 100 ms of decisions, and no administrative
// event whose change was committed. A store that is away or slow holds up nobody: the queue is
// bounded, and what it had to drop is told as `audit.dropped` when the store is back. It remembers
// where its chain ends, as far as that is committed, also behind administrative events (for which
// it looks, as it does not hear of their COMMIT): a chain that ends before that, or otherwise, has
// lost something (`audit.went_back`). At its start, each kNoteInterval and at its end it notes in
// its own chain where the others end.
class StoredAuditTrail final : public AuditTrail {
 public:
  static constexpr absl::Duration kGather = absl::Milliseconds(50);
  static constexpr absl::Duration kStoreTimeout = absl::Seconds(5);
  // Behind a write that failed.
  static constexpr absl::Duration kRetry = absl::Milliseconds(500);
  // Behind an administrative event, kGather apart, until its transaction has surely ended.
  static constexpr int kLooks = 200;
  static constexpr absl::Duration kNoteInterval = absl::Hours(1);

  struct Options {
    std::string replica_id;
    std::string config;  // in effect, without secrets; empty: not compared
  };
  // All references must outlive the trail. `log` is an AuditingLog on `queue`, or the trail's own
  // events are not in it.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    DecisionQueue& queue;
    const Clock& clock;
    LogSink& log;
  };
  // Begins the chain: event `audit.began`, and `config.changed` with the names of the keys that
  // have another value than at the last start of any replica. Blocks on the store.
  static absl::StatusOr<std::unique_ptr<StoredAuditTrail>> Open(Options options, Parts parts);
  // Writes what waits, if the store answers soon.
  ~StoredAuditTrail() override;

  absl::Status AppendIn(storage::Repositories& repositories, const CallInfo& call,
                        const AuditEntry& entry) override;

  // Waits until every decision that was queued before is in the store, and it is known where the
  // chain ends behind the administrative events that were committed before; false: not within
  // `limit` (of real time). Behind one that came to nothing that takes until the looks are over.
  bool Settle(absl::Duration limit);

 private:
  StoredAuditTrail(Options options, Parts parts);
  absl::Status Begin(const std::string& config);
  absl::Status Append(storage::Repositories& in, std::vector<storage::AuditEvent>& events);
  absl::Status Replace(storage::Repositories& in, ChainState state, const std::string& old,
                       std::vector<storage::AuditEvent>& events);
  absl::Status Keep(std::vector<storage::AuditEvent>& events);
  static bool EndsBefore(const ChainEnd& found, const ChainEnd& known);
  void TellOfBack(const ChainEnd& found, const ChainEnd& known);
  void TellIfBack(const ChainEnd& found);
  void NoteEnd(const ChainEnd& found, const ChainEnd& known);
  void NoteKept(const std::vector<storage::AuditEvent>& events);
  ChainEnd KnownEnd() const ABSL_LOCKS_EXCLUDED(mu_);
  bool IsLooking() const ABSL_LOCKS_EXCLUDED(mu_);
  void Look();
  void TellIfForged();
  void NoteHeads();
  void Report(const absl::Status& kept);
  void Run();
  bool Turn();
  std::string chain() const ABSL_LOCKS_EXCLUDED(mu_);

  const Parts parts_;
  mutable Mutex mu_;
  CondVar changed_;
  std::string chain_ ABSL_GUARDED_BY(mu_);
  ChainEnd end_ ABSL_GUARDED_BY(mu_);          // the highest known to be committed
  int64_t appended_ ABSL_GUARDED_BY(mu_) = 0;  // the highest place given in AppendIn
  int looks_ ABSL_GUARDED_BY(mu_) = 0;         // that are left
  int64_t kept_through_ ABSL_GUARDED_BY(mu_) = 0;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  // Of the writing thread alone.
  DecisionQueue::Batch batch_;
  bool failing_ = false;
  absl::Duration noted_at_ = absl::ZeroDuration();  // monotonic
  absl::Duration patience_ = kStoreTimeout;
  std::thread thread_;  // last: it uses the rest
};

// The names of the keys that differ, of two texts as PrintConfig makes them: at most 200 bytes.
std::string ChangedKeys(const std::string& before, const std::string& now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_STORED_AUDIT_TRAIL_H_
