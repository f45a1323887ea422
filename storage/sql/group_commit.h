// Many callers, one transaction: every COMMIT waits for the disk, so works that come together are
// committed together.
#ifndef TESSERA_STORAGE_SQL_GROUP_COMMIT_H_
#define TESSERA_STORAGE_SQL_GROUP_COMMIT_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"

namespace tessera::storage::sql {

// The one transaction at a time that GroupCommit fills. Called by one thread at a time, though not
// always the same.
class BatchTransaction {
 public:
  virtual ~BatchTransaction() = default;

  // After an error there is no transaction.
  virtual absl::Status Begin(absl::Time deadline) = 0;
  // Runs the work; what a failed one changed is undone, and only that.
  virtual absl::Status Run(Store::Work work) = 0;
  // False: all that was run in this transaction is lost; go straight to Rollback.
  virtual bool Intact() = 0;
  // After an error nothing of it is in the store.
  virtual absl::Status Commit() = 0;
  virtual void Rollback() = 0;
};

// Thread-safe. No thread of its own: whoever comes while nobody leads becomes the leader, begins
// the transaction, runs the works in the order of their coming (its own among them), those that
// arrive meanwhile too, and commits; then everybody gets an answer and the next in line leads. A
// work therefore runs on any caller's thread, and must not call the store again.
class GroupCommit {
 public:
  // Works of one transaction, and how long one may take in more of them.
  static constexpr size_t kMaxBatch = 64;
  static constexpr absl::Duration kMaxBatchTime = absl::Milliseconds(20);

  GroupCommit(BatchTransaction& transaction, const Clock& clock)
      : transaction_(transaction), clock_(clock) {}

  // What `work` returned, once that is durable. UNAVAILABLE STORAGE_UNAVAILABLE: `deadline` passed
  // before it was its turn (it has not run), or the transaction was lost with everybody's work:
  // then a refusal may have rested on what a lost neighbour wrote, so the refused get this too.
  absl::Status Run(absl::Time deadline, Store::Work work);

 private:
  struct Ticket {
    Store::Work work;
    absl::Time deadline;
    enum { kQueued, kRunning, kDone } state = kQueued;
    absl::Status answer;
    CondVar wake;
  };

  void Lead(Ticket& mine) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False if the transaction is lost.
  bool RunNext(std::vector<Ticket*>& batch, bool& anything) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Finish(bool intact, bool anything);
  // Takes a ticket out of the queue and answers it.
  void Withdraw(Ticket& ticket, absl::Status answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeNextLeader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  BatchTransaction& transaction_;
  const Clock& clock_;
  Mutex mu_;
  std::deque<Ticket*> queue_ ABSL_GUARDED_BY(mu_);
  bool led_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_GROUP_COMMIT_H_
