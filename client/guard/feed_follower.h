// Takes the messages of the revocation feed in: the protocol, without the connection.
#ifndef TESSERA_GUARD_FEED_FOLLOWER_H_
#define TESSERA_GUARD_FEED_FOLLOWER_H_

#include <memory>

#include "absl/status/status.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_source.h"
#include "tessera/guard/revocation_view.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::guard {

// Not thread-safe: one message at a time. Snapshots are merged and never replace, so that a server
// whose store went back cannot un-revoke. What a server tells may be as old as its last reading of
// the store: only a heartbeat says how old, so only a heartbeat makes the view current, and loaded.
class FeedFollower {
 public:
  // `keys` may be null.
  FeedFollower(std::shared_ptr<RevocationView> view, std::shared_ptr<KeySource> keys, LogSink& log);

  // Where a new connection goes on; empty for from the start.
  v1::RevocationResume ResumePoint() const;

  // OK: taken in. ABORTED: a gap, another store epoch, or a feed that stays behind its own head:
  // connect again, from the start.
  absl::Status Take(const v1::WatchRevocationsResponse& message);

  // The next connection is to begin with a whole snapshot.
  void WantSnapshot();

  // What has been taken in; of the key sets, what `keys` took.
  v1::RevocationAcknowledgement Acknowledgement() const;

 private:
  absl::Status TakeSnapshot(const v1::RevocationSnapshot& snapshot);
  absl::Status TakeChanges(const v1::RevocationChanges& changes);
  absl::Status TakeHeartbeat(const v1::RevocationHeartbeat& heartbeat);
  void TakeKeySet(const v1::KeySetUpdate& update);
  template <typename Entries>
  void Merge(const Entries& entries);
  absl::Status StartOver(const char* why);

  const std::shared_ptr<RevocationView> view_;
  const std::shared_ptr<KeySource> keys_;
  LogSink& log_;
  std::string epoch_;  // empty until the first whole snapshot
  uint64_t seq_ = 0;
  uint64_t key_set_version_ = 0;
  int beats_behind_ = 0;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_FEED_FOLLOWER_H_
