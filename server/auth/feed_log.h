// The live revocations that a replica holds, in the order of the feed.
#ifndef TESSERA_SERVER_AUTH_FEED_LOG_H_
#define TESSERA_SERVER_AUTH_FEED_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/revocation_feed.h"
#include "storage/records.h"

namespace tessera::server {

// Plain data: not thread-safe. Nothing in it is forgotten before it expires, whatever the store
// says later (a restored database must not un-revoke).
class FeedLog {
 public:
  int64_t head() const { return head_; }
  size_t size() const { return carried_.size() + entries_.size(); }

  // Whether what the store holds behind head() continues what is held here.
  enum class Fit { kFits, kWentBack, kHole };
  Fit Judge(const std::vector<storage::Revocation>& tail, int64_t store_head) const;
  // Takes a tail that fits.
  void Append(std::vector<storage::Revocation> tail);

  // Begins anew with all that the store holds now. What was held and is not there any more stays
  // for snapshots.
  void Restart(std::vector<storage::Revocation> entries, int64_t head);

  // Behind `seq`, in order, at most `limit`. OUT_OF_RANGE: entries behind `seq` have been
  // forgotten, or `seq` lies ahead.
  absl::StatusOr<std::vector<storage::Revocation>> After(int64_t seq, size_t limit) const;
  RevocationFeed::Snapshot TakeSnapshot() const;

  // Forgets what expired before `now`.
  void Prune(absl::Time now);

 private:
  std::deque<storage::Revocation> entries_;   // by seq
  std::vector<storage::Revocation> carried_;  // live, but gone from the store
  int64_t head_ = 0;
  int64_t floor_ = 0;  // every seq above it, up to the head, is held
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_FEED_LOG_H_
