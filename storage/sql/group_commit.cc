#include "storage/sql/group_commit.h"

#include <algorithm>
#include <utility>

#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

absl::Status GroupCommit::Run(absl::Time deadline, Store::Work work) {
  Ticket mine{work, deadline, Ticket::kQueued, absl::OkStatus(), {}};
  MutexLock lock(mu_);
  queue_.push_back(&mine);
  while (mine.state != Ticket::kDone) {
    const absl::Duration left = deadline - clock_.Now();
    if (mine.state == Ticket::kRunning) {
      mine.wake.Wait(mu_);
    } else if (left <= absl::ZeroDuration()) {
      Withdraw(mine, Unavailable());
    } else if (!led_) {
      Lead(mine);
    } else if (!mine.wake.WaitFor(mu_, left) && mine.state == Ticket::kQueued) {
      Withdraw(mine, Unavailable());
    }
  }
  return mine.answer;
}

void GroupCommit::Lead(Ticket& mine) {
  led_ = true;
  mu_.Unlock();
  // Nobody is taken from the queue before the transaction stands: they may give up meanwhile.
  absl::Status begun = transaction_.Begin(mine.deadline);
  mu_.Lock();
  if (begun.ok()) {
    RunBatch();
  } else {
    Withdraw(mine, std::move(begun));
  }
  led_ = false;
  WakeNextLeader();
}

void GroupCommit::RunBatch() {
  std::vector<Ticket*> batch;
  bool intact = true;
  bool anything = false;
  const absl::Duration end = clock_.Monotonic() + kMaxBatchTime;
  while (intact && !queue_.empty() && batch.size() < kMaxBatch && clock_.Monotonic() < end) {
    intact = RunNext(batch, anything);
  }
  mu_.Unlock();
  const absl::Status committed = Finish(intact, anything);
  mu_.Lock();
  for (Ticket* ticket : batch) {
    if (!committed.ok()) ticket->answer = committed;
    ticket->state = Ticket::kDone;
    ticket->wake.NotifyOne();
  }
}

bool GroupCommit::RunNext(std::vector<Ticket*>& batch, bool& anything) {
  Ticket& next = *queue_.front();
  queue_.pop_front();
  next.state = Ticket::kRunning;
  batch.push_back(&next);
  mu_.Unlock();
  const bool late = clock_.Now() >= next.deadline;
  absl::Status answer = late ? Unavailable() : transaction_.Run(next.work);
  const bool intact = transaction_.Intact();
  mu_.Lock();
  anything = anything || answer.ok();
  next.answer = std::move(answer);
  return intact;
}

absl::Status GroupCommit::Finish(bool intact, bool anything) {
  if (intact && anything) return transaction_.Commit();
  transaction_.Rollback();
  return intact ? absl::OkStatus() : Unavailable();
}

void GroupCommit::Withdraw(Ticket& ticket, absl::Status answer) {
  const auto place = std::find(queue_.begin(), queue_.end(), &ticket);
  if (place != queue_.end()) queue_.erase(place);
  ticket.answer = std::move(answer);
  ticket.state = Ticket::kDone;
  // It may have been woken to lead.
  if (!led_) WakeNextLeader();
}

void GroupCommit::WakeNextLeader() {
  if (!queue_.empty()) queue_.front()->wake.NotifyOne();
}

}  // namespace tessera::storage::sql
