// Clients that need nothing of the database: while it is away, they are answered as ever.
#ifndef TESSERA_TESTS_DRILLS_ONLOOKERS_H_
#define TESSERA_TESTS_DRILLS_ONLOOKERS_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tests/drills/calls.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

// They validate tokens, read the key set, call a guarded service and follow the revocation feed,
// each over and over, on threads of their own, from the beginning to the end of the object. What
// they are told about: a token that is good, and one that was revoked before.
class Onlookers {
 public:
  // `server` runs and outlives this; no other Onlookers look at its database.
  explicit Onlookers(Tesserad& server);
  ~Onlookers();
  Onlookers(const Onlookers&) = delete;
  Onlookers& operator=(const Onlookers&) = delete;

  // Waits for so many more rounds of calls and heartbeats of the feed; false after a minute.
  bool AwaitMore(int rounds, int heartbeats);
  // How old the server's last good reading of the database was at the last heartbeat.
  absl::Duration age() const;
  // What was not as ever, in words.
  std::vector<std::string> Wrong() const;

 private:
  void Look();
  void LookOnce();
  void Follow();
  // `reason` empty: the call must succeed.
  void ExpectGuarded(const std::string& token, const std::string& reason);
  void ExpectKnown(const std::string& token, v1::ErrorReason reason);
  void Note(const std::string& what);

  const Calls calls_;
  const std::unique_ptr<v1::AuthService::Stub> feed_;
  std::unique_ptr<GuardedOrders> orders_;
  std::string good_, revoked_, jwks_, feed_token_;
  std::atomic<bool> stop_ = false;
  grpc::ClientContext following_;
  mutable Mutex mu_;
  CondVar changed_;
  int rounds_ ABSL_GUARDED_BY(mu_) = 0;
  int heartbeats_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration age_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> wrong_ ABSL_GUARDED_BY(mu_);
  std::thread looking_, follower_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_ONLOOKERS_H_
