// The newest revocations that a replica holds, in the order of the feed, for those who follow it.
#ifndef TESSERA_SERVER_AUTH_FEED_LOG_H_
#define TESSERA_SERVER_AUTH_FEED_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"

namespace tessera::server {

// Plain data: not thread-safe. All live entries are in the view; a follower who is further behind
// than this reaches walks over that.
class FeedLog {
 public:
  // No more are held: some 6 MB.
  static constexpr size_t kMostEntries = size_t{64} * 1024;

  int64_t head() const { return head_; }
  size_t size() const { return entries_.size(); }

  // Whether what the store holds behind head() continues what is held here. `complete`: `tail` is
  // all that the store holds there, not only the first of it.
  enum class Fit { kFits, kWentBack, kHole };
  Fit Judge(const std::vector<storage::Revocation>& tail, int64_t store_head, bool complete) const;
  // A store that went back and has grown past head() since has numbers that fit, and other entries
  // under them. True if what the store holds at head() is not what is held here. `at_head`: absent
  // if the store holds nothing there, which is no contradiction if ours may have been removed
  // since, by whichever replica's clock: it expired, or will within kClocksApart of `now`.
  static constexpr absl::Duration kClocksApart = absl::Minutes(10);
  bool IsContradicted(const std::optional<storage::Revocation>& at_head, absl::Time now) const;
  // Takes a tail that fits.
  void Append(std::vector<storage::Revocation> tail);

  // Begins anew with the newest entries of the store, in order.
  void Restart(std::deque<storage::Revocation> newest, int64_t head);

  // Behind `seq`, in order, at most `limit`. OUT_OF_RANGE: `seq` is further behind than is held
  // here, or lies ahead.
  absl::StatusOr<std::vector<storage::Revocation>> After(int64_t seq, size_t limit) const;

 private:
  std::deque<storage::Revocation> entries_;  // by seq
  int64_t head_ = 0;
  int64_t floor_ = 0;  // every seq above it, up to the head, is held
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_FEED_LOG_H_
