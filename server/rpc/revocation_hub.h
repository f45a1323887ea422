// Everybody who watches the revocation feed over gRPC.
#ifndef TESSERA_SERVER_RPC_REVOCATION_HUB_H_
#define TESSERA_SERVER_RPC_REVOCATION_HUB_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "server/auth/revocation_feed.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera::server {

class RevocationWatcher;

// Beyond either: RESOURCE_EXHAUSTED OVERLOADED. The second is for one account, which the guards of
// a whole fleet may share: half of all, so that one that is stolen or gone mad shuts no other
// account's guards out.
inline constexpr size_t kMaxWatchers = 1024;
inline constexpr size_t kMaxWatchersOfOne = kMaxWatchers / 2;
// A watcher ends with UNAVAILABLE OVERLOADED when its guard has not resumed for this long, or has
// not taken a message for this long.
inline constexpr absl::Duration kResumeLimit = absl::Seconds(10);
inline constexpr absl::Duration kWriteLimit = absl::Seconds(30);
// How often a watcher gets a heartbeat: behind each snapshot, and again when this has passed.
inline constexpr absl::Duration kHeartbeat = absl::Seconds(1);

struct WatchLimits {
  size_t watchers = kMaxWatchers;
  size_t watchers_of_one = kMaxWatchersOfOne;
  absl::Duration resume = kResumeLimit;
  absl::Duration write = kWriteLimit;
};

// Thread-safe. One thread wakes all watchers, when the feed changes and to see whose heartbeat is
// due and who is late; it runs on the machine's clock. Must outlive the server that its reactors
// belong to.
class RevocationHub {
 public:
  using Reactor =
      grpc::ServerBidiReactor<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse>;

  // The references must outlive the hub.
  RevocationHub(RevocationFeed& feed, const KeyRing& keys, LogSink& log, WatchLimits limits = {});
  ~RevocationHub();

  // Serves one call of WatchRevocations, made by the account `subject`. Memory only.
  Reactor* Watch(grpc::CallbackServerContext& context, const std::string& subject);

  // Ends every watch with UNAVAILABLE SHUTTING_DOWN, and refuses new ones likewise.
  void Shutdown();

  // The version of the key set that every guard watching now has taken in; 0 while one of them has
  // said nothing yet, absent without any. Memory only.
  std::optional<int64_t> LowestAcknowledgedKeySet() const;

  // For watchers. Memory only.
  const RevocationFeed& feed() const { return feed_; }
  const KeyRing& keys() const { return keys_; }
  LogSink& log() const { return log_; }
  const WatchLimits& limits() const { return limits_; }
  void Remove(const RevocationWatcher* watcher);

 private:
  void Work();
  bool AwaitRound();
  std::vector<std::shared_ptr<RevocationWatcher>> Watchers() const;
  absl::Status Admit(const std::shared_ptr<RevocationWatcher>& watcher);
  bool HasRoomFor(const std::string& subject) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  RevocationFeed& feed_;
  const KeyRing& keys_;
  LogSink& log_;
  const WatchLimits limits_;

  mutable Mutex mu_;
  CondVar wake_;
  std::vector<std::shared_ptr<RevocationWatcher>> watchers_ ABSL_GUARDED_BY(mu_);
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool shut_down_ ABSL_GUARDED_BY(mu_) = false;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;

  std::shared_ptr<void> subscription_;
  std::thread thread_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_REVOCATION_HUB_H_
