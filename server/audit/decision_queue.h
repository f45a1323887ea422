// Decisions on their way to the database: in memory, bounded, like ones put together.
#ifndef TESSERA_SERVER_AUDIT_DECISION_QUEUE_H_
#define TESSERA_SERVER_AUDIT_DECISION_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "storage/audit_repository.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe; nothing in it waits for anything but its own lock.
class DecisionQueue {
 public:
  // Rows that wait at most. What comes when they are taken is put together by event and reason
  // alone, without saying who, from where or of what; of those kMostTogether wait at most.
  static constexpr size_t kMost = 1024;
  static constexpr size_t kMostTogether = 64;
  // Behind both, for refusals that nobody can make at will: IsTold.
  static constexpr size_t kMostTold = 256;
  // Refusals cost whoever makes them little: of each event so many a second are told one by one,
  // and so many at once after a rest; the others together, as above. No event takes another's.
  struct Allowance {
    double per_second = 50;
    double at_once = 1000;
  };
  // Of `guard.refused`, which costs nothing at all.
  static constexpr Allowance kGuardsAllowance = {10, 200};

  explicit DecisionQueue(const Clock& clock) : clock_(clock) {}

  // The same refusal of the same actor, target, source and reason again is counted up; what was
  // admitted or done is never merged while there is room.
  void Add(storage::AuditEvent event) ABSL_LOCKS_EXCLUDED(mu_);

  struct Batch {
    std::vector<storage::AuditEvent> events;  // in the order in which the first of each came
    int64_t dropped = 0;                      // for which there was no room
    int64_t through = 0;                      // the number of the last decision in it
  };
  Batch Take() ABSL_LOCKS_EXCLUDED(mu_);
  // How many were ever added.
  int64_t added() const ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until there is something to take, or Wake; for `limit` at most.
  void WaitForSome(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What is left of the allowance of one event.
  struct Bucket {
    double left;
    absl::Duration filled_at;  // monotonic
  };
  bool AddOne(storage::AuditEvent& event, size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AddOrCount(storage::AuditEvent& event, size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayTell(const storage::AuditEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Tell(storage::AuditEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  mutable Mutex mu_;
  CondVar some_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<storage::AuditEvent> waiting_ ABSL_GUARDED_BY(mu_);
  std::unordered_map<std::string, size_t> places_ ABSL_GUARDED_BY(mu_);  // in `waiting_`
  int64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t added_ ABSL_GUARDED_BY(mu_) = 0;
  std::unordered_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mu_);  // by event: literals
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_DECISION_QUEUE_H_
