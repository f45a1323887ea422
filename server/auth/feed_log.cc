#include "server/auth/feed_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"

namespace tessera::server {
namespace {

using storage::Revocation;

bool BySeq(const Revocation& entry, int64_t seq) { return entry.seq < seq; }

bool IsSame(const Revocation& one, const Revocation& other) {
  return one.seq == other.seq && one.kind == other.kind && one.id_hash == other.id_hash &&
         one.min_user_version == other.min_user_version && one.expires_at == other.expires_at;
}

}  // namespace

FeedLog::Fit FeedLog::Judge(const std::vector<Revocation>& tail, int64_t store_head,
                            bool complete) const {
  if (store_head < head_) return Fit::kWentBack;
  int64_t next = head_;
  for (const Revocation& entry : tail) {
    if (entry.seq != ++next) return Fit::kHole;
  }
  const bool reaches = complete ? next == store_head : next <= store_head;
  return reaches ? Fit::kFits : Fit::kHole;
}

bool FeedLog::IsContradicted(const std::optional<Revocation>& at_head, absl::Time now) const {
  if (entries_.empty() || entries_.back().seq != head_) return false;
  const Revocation& ours = entries_.back();
  return at_head.has_value() ? !IsSame(*at_head, ours) : ours.expires_at > now + kClocksApart;
}

void FeedLog::Append(std::vector<Revocation> tail) {
  if (tail.empty()) return;
  head_ = tail.back().seq;
  entries_.insert(entries_.end(), std::make_move_iterator(tail.begin()),
                  std::make_move_iterator(tail.end()));
  while (entries_.size() > kMostEntries) {
    floor_ = std::max(floor_, entries_.front().seq);
    entries_.pop_front();
  }
}

void FeedLog::Restart(std::deque<Revocation> newest, int64_t head) {
  entries_ = std::move(newest);
  head_ = head;
  floor_ = head;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->seq == floor_; ++entry) {
    --floor_;
  }
}

absl::StatusOr<std::vector<Revocation>> FeedLog::After(int64_t seq, size_t limit) const {
  if (seq < floor_ || seq > head_) {
    return absl::OutOfRangeError("the position is not held: walk over the view");
  }
  auto first = std::lower_bound(entries_.begin(), entries_.end(), seq + 1, BySeq);
  const auto count = std::min(limit, static_cast<size_t>(entries_.end() - first));
  return std::vector<Revocation>(first, first + static_cast<std::ptrdiff_t>(count));
}

}  // namespace tessera::server
