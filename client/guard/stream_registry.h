// Running streams: cut with UNAUTHENTICATED when their token expires or is revoked.
#ifndef TESSERA_GUARD_STREAM_REGISTRY_H_
#define TESSERA_GUARD_STREAM_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tessera/guard/known_token.h"
#include "tessera/guard/revocation_view.h"

struct grpc_call;

namespace tessera::guard {

// Thread-safe. A thread of its own cuts: at once after a revocation, and within kTick of the
// expiry.
class StreamRegistry {
 public:
  // The wall clock may jump (and a test's moves by itself), so the thread looks this often while
  // streams run.
  static constexpr absl::Duration kTick = absl::Milliseconds(100);

  // `revocations` may be null. `leeway` is added to each token's expiry, as when it was admitted.
  StreamRegistry(std::shared_ptr<RevocationView> revocations, absl::Duration leeway,
                 const Clock& clock, LogSink& log);
  ~StreamRegistry();

  // `call` must stay alive until Unregister. A token that is revoked already is cut at once.
  uint64_t Register(grpc_call* call, std::shared_ptr<const KnownToken> known);
  void Unregister(uint64_t id);
  // Ends the thread; nothing is cut after that.
  void Stop();
  size_t size() const;

 private:
  struct Stream {
    grpc_call* call;
    std::shared_ptr<const KnownToken> known;
    bool cut = false;
  };
  // A stream to be cut, with a reference to its call.
  struct Cut {
    grpc_call* call;
    std::shared_ptr<const KnownToken> known;
    bool revoked;
  };

  void Run();
  void WantScan();
  std::vector<Cut> Collect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CollectExpired(absl::Time now, std::vector<Cut>& cuts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CollectRevoked(std::vector<Cut>& cuts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Cut Mark(Stream& stream, bool revoked) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CutNow(const Cut& cut);
  absl::Time ExpiryOf(const KnownToken& known) const;

  const std::shared_ptr<RevocationView> revocations_;
  const absl::Duration leeway_;
  const Clock& clock_;
  LogSink& log_;

  mutable Mutex mu_;
  CondVar changed_;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::unordered_map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mu_);
  std::set<std::pair<absl::Time, uint64_t>> by_expiry_ ABSL_GUARDED_BY(mu_);
  bool scan_wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::shared_ptr<void> subscription_;
  std::thread thread_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_STREAM_REGISTRY_H_
