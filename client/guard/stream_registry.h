// Running streams: cut with UNAUTHENTICATED when their token expires or is revoked.
#ifndef TESSERA_GUARD_STREAM_REGISTRY_H_
#define TESSERA_GUARD_STREAM_REGISTRY_H_

#include <atomic>
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
#include "tessera/guard/rule.h"

struct grpc_call;

namespace tessera::guard {

// When a stream is cut, of its method's rule.
struct StreamEnd {
  StreamPolicy policy = StreamPolicy::kAtOnce;
  absl::Duration grace = absl::ZeroDuration();  // with kAfterGrace
};

// Thread-safe. A thread of its own cuts: at once after a revocation, within kTick of the expiry,
// and within kTick of the end of a grace.
class StreamRegistry {
 public:
  // The wall clock may jump (and a test's moves by itself), so the thread looks this often while
  // streams run.
  static constexpr absl::Duration kTick = absl::Milliseconds(100);

  // `revocations` may be null. `leeway` is added to each token's expiry, as when it was admitted.
  StreamRegistry(std::shared_ptr<RevocationView> revocations, absl::Duration leeway,
                 const Clock& clock, LogSink& log);
  ~StreamRegistry();

  // `call` must stay alive until Unregister. A token that is revoked already is cut at once. 0 for
  // a stream that is never cut: it is not kept.
  uint64_t Register(grpc_call* call, std::shared_ptr<const KnownToken> known,
                    const StreamEnd& end = {});
  void Unregister(uint64_t id);
  // Ends the thread; nothing is cut after that.
  void Stop();
  size_t size() const;
  size_t in_grace() const;
  uint64_t cut_by_revocation() const { return cut_by_revocation_; }
  uint64_t cut_by_expiry() const { return cut_by_expiry_; }

 private:
  struct Stream {
    grpc_call* call;
    std::shared_ptr<const KnownToken> known;
    absl::Duration grace;
    bool cut = false;
    absl::Duration revoked_until = absl::InfiniteDuration();  // monotonic; finite: in its grace
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
  void CollectAfterGrace(absl::Duration now, std::vector<Cut>& cuts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Cut Mark(Stream& stream, bool revoked) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CutNow(const Cut& cut);
  absl::Time EndOf(const Stream& stream) const;

  const std::shared_ptr<RevocationView> revocations_;
  const absl::Duration leeway_;
  const Clock& clock_;
  LogSink& log_;

  mutable Mutex mu_;
  CondVar changed_;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::unordered_map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mu_);
  std::set<std::pair<absl::Time, uint64_t>> by_expiry_ ABSL_GUARDED_BY(mu_);
  // Revoked streams in their grace, by its end.
  std::set<std::pair<absl::Duration, uint64_t>> by_grace_ ABSL_GUARDED_BY(mu_);
  bool scan_wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::atomic<uint64_t> cut_by_revocation_{0};
  std::atomic<uint64_t> cut_by_expiry_{0};

  std::shared_ptr<void> subscription_;
  std::thread thread_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_STREAM_REGISTRY_H_
