// The key ring as tesserad's own guard asks for it.
#ifndef TESSERA_SERVER_RPC_KEY_RING_SOURCE_H_
#define TESSERA_SERVER_RPC_KEY_RING_SOURCE_H_

#include <functional>
#include <memory>
#include <vector>

#include "server/auth/key_ring.h"
#include "server/lanes/worker_pool.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"
#include "tessera/guard/key_source.h"

namespace tessera::server {

// An unknown key makes the store be read at most this often, whoever sends forged tokens and
// whether the store answers or not; who asks in between is told what came of the last time.
inline constexpr absl::Duration kMinRefreshInterval = absl::Seconds(1);

// No more wait for one reading; beyond: UNAVAILABLE KEYS_UNAVAILABLE at once.
inline constexpr size_t kMaxWaitingForKeys = 1024;

// Thread-safe. Reads the store on `lane`.
class KeyRingSource final : public KeySource {
 public:
  // The references must outlive the source, and the source every job on `lane`.
  KeyRingSource(KeyRing& keys, WorkerPool& lane, const Clock& clock)
      : keys_(keys), lane_(lane), clock_(clock) {}

  std::shared_ptr<const JwkSet> Current() const override { return keys_.Current()->verify; }
  void Fetch(std::function<void(absl::Status)> done) override;

 private:
  // kStart: `done` waits, and the caller starts the fetch; kWait: `done` waits for the one under
  // way; kRepeat: one has just ended with `last`, or too many wait, and `done` is untouched.
  enum class Turn { kStart, kWait, kRepeat };
  Turn Join(std::function<void(absl::Status)>& done, absl::Status& last);
  void Finish(const absl::Status& status);

  KeyRing& keys_;
  WorkerPool& lane_;
  const Clock& clock_;
  Mutex mu_;
  std::vector<std::function<void(absl::Status)>> waiting_ ABSL_GUARDED_BY(mu_);
  // Of the fetch that ended last.
  absl::Status last_ ABSL_GUARDED_BY(mu_);
  absl::Duration last_end_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_KEY_RING_SOURCE_H_
