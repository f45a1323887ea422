// One guard that watches the revocation feed: a place in the feed, not a queue.
#ifndef TESSERA_SERVER_RPC_REVOCATION_WATCHER_H_
#define TESSERA_SERVER_RPC_REVOCATION_WATCHER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/rpc/revocation_hub.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// No message holds more entries.
inline constexpr size_t kMaxEntriesInMessage = 4096;

// Thread-safe. Tells the key set first; then a snapshot in parts, or what was missed since the
// point that the guard resumes from; then a heartbeat at once, and from then on changes, key sets,
// and a heartbeat every second, whatever else there is. When the store becomes another one (its
// epoch changes) or goes back, a snapshot again. One message is
// under way at a time; the next one is made from the feed when it is gone. Memory only: no method
// blocks.
//
// Ends with INVALID_ARGUMENT FIELD_INVALID when the first message does not resume or a later one
// does not acknowledge, with OK when the guard ends its side, and as the hub says.
class RevocationWatcher final : public RevocationHub::Reactor {
 public:
  // `context` is the call's own; `subject`: the account that makes it.
  RevocationWatcher(RevocationHub& hub, grpc::CallbackServerContext& context, std::string subject);
  const std::string& subject() const { return subject_; }
  // The version of the key set that the guard has taken in; 0 before it says so.
  int64_t acknowledged_key_set() const {
    MutexLock lock(mu_);
    return acknowledged_keys_;
  }

  // Starts to listen. `self` keeps the watcher alive until the call is over.
  void Begin(std::shared_ptr<RevocationWatcher> self);
  // Tells what is new, or a heartbeat if one is due; ends the call if its guard is late.
  void Wake();
  // Ends the call as soon as what is under way is done.
  void End(const grpc::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // A snapshot in progress: the position that it reaches to, and how much of the view is told.
  struct Walk {
    RevocationFeed::Position position;
    RevocationCursor cursor;
  };
  // A heartbeat that is due: where the feed was then.
  struct Beat {
    RevocationFeed::Position position;
    absl::Duration taken_at;  // monotonic
  };
  enum class Act { kNothing, kWrite, kFinish };

  // Starts the next read; counted in inside_.
  void Listen();
  // Ends the call if its guard is late. True: only cutting it off helps; counted in inside_.
  bool EndIfLate() ABSL_LOCKS_EXCLUDED(mu_);
  void Pump();
  Act Claim() ABSL_LOCKS_EXCLUDED(mu_);
  void EndLocked(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Resume(const v1::RevocationResume& resume) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Each makes the next message of its kind in response_; false if there is none.
  bool NextMessage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Another store: what the guard was told of the old one is no place in the new one.
  void FollowStore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NextKeySet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NextSnapshotPart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NextChanges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NextHeartbeat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  RevocationHub& hub_;
  grpc::CallbackServerContext& context_;  // until the call is over
  const std::string subject_;
  const std::string peer_;
  const absl::Duration began_;  // monotonic

  mutable Mutex mu_;
  std::shared_ptr<RevocationWatcher> self_ ABSL_GUARDED_BY(mu_);
  // gRPC's while a read or writing_ is under way; touched in their reactions and in Claim only.
  v1::WatchRevocationsRequest request_;
  v1::WatchRevocationsResponse response_;
  // Calls of StartRead and TryCancel that have not returned, Begin's from the start: the call must
  // not be over before, though what they start may be done.
  int inside_ ABSL_GUARDED_BY(mu_) = 1;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool cut_off_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<grpc::Status> ending_ ABSL_GUARDED_BY(mu_);
  bool finished_ ABSL_GUARDED_BY(mu_) = false;

  // The guard's place: what it has been told.
  bool resumed_ ABSL_GUARDED_BY(mu_) = false;
  bool wants_snapshot_ ABSL_GUARDED_BY(mu_) = false;
  std::string store_epoch_ ABSL_GUARDED_BY(mu_);  // as on the wire
  int64_t seq_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t key_set_version_ ABSL_GUARDED_BY(mu_) = -1;
  std::optional<Walk> walk_ ABSL_GUARDED_BY(mu_);  // while a snapshot is told
  absl::Duration last_told_ ABSL_GUARDED_BY(mu_);  // monotonic
  std::optional<Beat> beat_ ABSL_GUARDED_BY(mu_);
  absl::Duration last_beat_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();  // monotonic

  // What the guard says that it has taken in.
  int64_t acknowledged_seq_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t acknowledged_keys_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_REVOCATION_WATCHER_H_
