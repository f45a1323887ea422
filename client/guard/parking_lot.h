// Calls that wait because their token's key is not known yet.
#ifndef TESSERA_GUARD_PARKING_LOT_H_
#define TESSERA_GUARD_PARKING_LOT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tessera/guard/key_source.h"

namespace tessera::guard {

// Thread-safe. A thread of its own asks for keys (never gRPC's, in the middle of a call) and minds
// the time, on the machine's monotonic clock. All parked calls share one fetch.
class ParkingLot {
 public:
  // OK: keys were fetched, judge again. UNAVAILABLE KEYS_UNAVAILABLE: they were not, in time or at
  // all, or the guard is being drained.
  using Answer = std::function<void(absl::Status)>;

  ParkingLot(std::shared_ptr<KeySource> keys, size_t max_calls);
  ~ParkingLot();

  // OK: `answer` will be called exactly once, at the latest after `limit`, outside locks, on any
  // thread. UNAVAILABLE KEYS_UNAVAILABLE: too many calls are parked, or Drain was called; `answer`
  // will not be called.
  absl::Status Park(Answer answer, absl::Duration limit);

  // For whoever cannot wait. OK: keys were fetched within kFetchStands (an earlier fetch's answer,
  // given again, is as old as that fetch), so what is unknown now is unknown. UNAVAILABLE
  // KEYS_UNAVAILABLE: they are being fetched now, or as soon as the source fetches again; ask
  // again.
  static constexpr absl::Duration kFetchStands = absl::Seconds(5);
  absl::Status AskForKeys();

  // Answers all, and parks no more.
  void Drain();
  // Drain, ends the thread and lets go of the keys; no answer is being given after that. Not from
  // within an answer.
  void Stop();
  size_t size() const;
  uint64_t parked_total() const;   // ever
  uint64_t refused_total() const;  // for want of room

 private:
  struct Parked {
    Answer answer;
    absl::Duration until;  // monotonic
  };
  // What the thread and the callback of a fetch share; the latter may outlive the lot.
  struct State {
    mutable Mutex mu;
    CondVar changed;
    std::unordered_map<uint64_t, Parked> parked ABSL_GUARDED_BY(mu);
    uint64_t next_id ABSL_GUARDED_BY(mu) = 0;
    uint64_t refused ABSL_GUARDED_BY(mu) = 0;
    absl::Duration fetched_at ABSL_GUARDED_BY(mu) = -absl::InfiniteDuration();  // monotonic
    bool fetch_wanted ABSL_GUARDED_BY(mu) = false;
    bool fetching ABSL_GUARDED_BY(mu) = false;
    bool draining ABSL_GUARDED_BY(mu) = false;
    bool stopped ABSL_GUARDED_BY(mu) = false;
    int answering ABSL_GUARDED_BY(mu) = 0;  // fetches whose answers are being given
  };

  void Run();
  void Fetch();
  static std::vector<Answer> TakeAll(State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mu);
  static std::vector<Answer> TakeOverdue(State& state, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mu);
  static absl::Duration UntilNext(const State& state, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mu);

  std::shared_ptr<KeySource> keys_;  // let go of behind Drain, when the thread has ended
  const size_t max_calls_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_PARKING_LOT_H_
