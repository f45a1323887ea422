#include "server/audit/decision_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/named_texts.h"

namespace tessera::server {
namespace {

// What makes two decisions alike. No text holds a line feed.
std::string LikenessOf(const storage::AuditEvent& event) {
  return absl::StrCat(event.event, "\n", event.actor, "\n", event.target, "\n", event.source, "\n",
                      event.reason, "\n", event.done ? "1" : "0");
}

// What is left of a decision that is put together with others.
storage::AuditEvent Summary(const storage::AuditEvent& event) {
  storage::AuditEvent summary;
  summary.at = event.at;
  summary.event = event.event;
  summary.done = event.done;
  summary.reason = event.reason;
  summary.details = EncodeNamedTexts({{"together", "yes"}});
  return summary;
}

}  // namespace

bool DecisionQueue::AddOrCount(storage::AuditEvent& event, size_t most) {
  std::string likeness = LikenessOf(event);
  const auto place = places_.find(likeness);
  if (place != places_.end()) {
    waiting_[place->second].count += event.count;
    return true;
  }
  if (waiting_.size() >= most) return false;
  places_.emplace(std::move(likeness), waiting_.size());
  waiting_.push_back(std::move(event));
  return true;
}

// A bucket that fills with time.
bool DecisionQueue::MayTell(const storage::AuditEvent& event) {
  if (event.done || places_.count(LikenessOf(event)) > 0) return true;
  const absl::Duration now = clock_.Monotonic();
  allowance_ += absl::ToDoubleSeconds(now - allowed_at_) * kRefusalsPerSecond;
  allowance_ = std::min(allowance_, kRefusalsAtOnce);
  allowed_at_ = now;
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

void DecisionQueue::Add(storage::AuditEvent event) {
  MutexLock lock(mu_);
  ++added_;
  const bool told = MayTell(event) && AddOrCount(event, kMost);
  if (!told) {
    storage::AuditEvent summary = Summary(event);
    if (!AddOrCount(summary, kMost + kMostTogether)) ++dropped_;
  }
  some_.NotifyAll();
}

DecisionQueue::Batch DecisionQueue::Take() {
  MutexLock lock(mu_);
  Batch batch{std::move(waiting_), dropped_, added_};
  waiting_.clear();
  places_.clear();
  dropped_ = 0;
  return batch;
}

int64_t DecisionQueue::added() const {
  MutexLock lock(mu_);
  return added_;
}

void DecisionQueue::WaitForSome(absl::Duration limit) {
  MutexLock lock(mu_);
  bool in_time = true;
  while (waiting_.empty() && dropped_ == 0 && !woken_ && in_time) {
    in_time = some_.WaitFor(mu_, limit);
  }
  woken_ = false;
}

void DecisionQueue::Wake() {
  MutexLock lock(mu_);
  woken_ = true;
  some_.NotifyAll();
}

}  // namespace tessera::server
