#include "server/audit/decision_queue.h"

#include <algorithm>
#include <array>
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

// Refusals that ask for something of worth, or that no caller makes: none is ever put together.
bool IsTold(const storage::AuditEvent& event) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "audit.register_forged", "audit.went_back", "renewal.foreign_access_token", "renewal.reuse",
      "renewal.store_went_back"};
  return std::find(kNames.begin(), kNames.end(), event.event) != kNames.end() ||
         event.event.rfind("keys.", 0) == 0;
}

DecisionQueue::Allowance AllowanceOf(const storage::AuditEvent& event) {
  return event.event == "guard.refused" ? DecisionQueue::kGuardsAllowance
                                        : DecisionQueue::Allowance();
}

}  // namespace

bool DecisionQueue::AddOne(storage::AuditEvent& event, size_t most) {
  if (waiting_.size() >= most) return false;
  waiting_.push_back(std::move(event));
  return true;
}

bool DecisionQueue::AddOrCount(storage::AuditEvent& event, size_t most) {
  std::string likeness = LikenessOf(event);
  const auto place = places_.find(likeness);
  if (place != places_.end()) {
    waiting_[place->second].count += event.count;
    return true;
  }
  const size_t next = waiting_.size();
  if (!AddOne(event, most)) return false;
  places_.emplace(std::move(likeness), next);
  return true;
}

// A bucket for each event that fills with time.
bool DecisionQueue::MayTell(const storage::AuditEvent& event) {
  if (places_.count(LikenessOf(event)) > 0) return true;
  const Allowance allowance = AllowanceOf(event);
  const absl::Duration now = clock_.Monotonic();
  Bucket& bucket = buckets_.try_emplace(event.event, Bucket{allowance.at_once, now}).first->second;
  bucket.left += absl::ToDoubleSeconds(now - bucket.filled_at) * allowance.per_second;
  bucket.left = std::min(bucket.left, allowance.at_once);
  bucket.filled_at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

// By itself, with all that it says; false: there is no room for that.
bool DecisionQueue::Tell(storage::AuditEvent& event) {
  if (IsTold(event)) return AddOne(event, kMost + kMostTogether + kMostTold);
  if (event.done) return AddOne(event, kMost);
  return MayTell(event) && AddOrCount(event, kMost);
}

void DecisionQueue::Add(storage::AuditEvent event) {
  MutexLock lock(mu_);
  ++added_;
  if (!Tell(event)) {
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
