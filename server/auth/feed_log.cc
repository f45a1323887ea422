#include "server/auth/feed_log.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"

namespace tessera::server {
namespace {

using storage::Revocation;
using Identity = std::tuple<int64_t, int, std::string>;

Identity IdentityOf(const Revocation& entry) {
  return {entry.seq, static_cast<int>(entry.kind), entry.id_hash};
}

bool BySeq(const Revocation& entry, int64_t seq) { return entry.seq < seq; }

}  // namespace

FeedLog::Fit FeedLog::Judge(const std::vector<Revocation>& tail, int64_t store_head) const {
  if (store_head < head_) return Fit::kWentBack;
  int64_t next = head_;
  for (const Revocation& entry : tail) {
    if (entry.seq != ++next) return Fit::kHole;
  }
  return next == store_head ? Fit::kFits : Fit::kHole;
}

void FeedLog::Append(std::vector<Revocation> tail) {
  if (tail.empty()) return;
  head_ = tail.back().seq;
  entries_.insert(entries_.end(), std::make_move_iterator(tail.begin()),
                  std::make_move_iterator(tail.end()));
}

void FeedLog::Restart(std::vector<Revocation> entries, int64_t head) {
  std::set<Identity> present;
  for (const Revocation& entry : entries) present.insert(IdentityOf(entry));
  for (Revocation& entry : entries_) {
    if (present.count(IdentityOf(entry)) == 0) carried_.push_back(std::move(entry));
  }
  entries_.assign(std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  head_ = head;
  floor_ = head;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->seq == floor_; ++entry) {
    --floor_;
  }
}

absl::StatusOr<std::vector<Revocation>> FeedLog::After(int64_t seq, size_t limit) const {
  if (seq < floor_ || seq > head_) {
    return absl::OutOfRangeError("the position is not held: take a snapshot");
  }
  auto first = std::lower_bound(entries_.begin(), entries_.end(), seq + 1, BySeq);
  const auto count = std::min(limit, static_cast<size_t>(entries_.end() - first));
  return std::vector<Revocation>(first, first + static_cast<std::ptrdiff_t>(count));
}

RevocationFeed::Snapshot FeedLog::TakeSnapshot() const {
  RevocationFeed::Snapshot snapshot;
  snapshot.seq = head_;
  snapshot.entries.reserve(size());
  snapshot.entries = carried_;
  snapshot.entries.insert(snapshot.entries.end(), entries_.begin(), entries_.end());
  return snapshot;
}

void FeedLog::Prune(absl::Time now) {
  const auto expired = [now](const Revocation& entry) { return entry.expires_at < now; };
  for (const Revocation& entry : entries_) {
    if (expired(entry)) floor_ = std::max(floor_, entry.seq);
  }
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(), expired), entries_.end());
  carried_.erase(std::remove_if(carried_.begin(), carried_.end(), expired), carried_.end());
}

}  // namespace tessera::server
