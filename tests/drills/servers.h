// The tesserads that a drill's clients may call, while another thread kills and restarts them.
#ifndef TESSERA_TESTS_DRILLS_SERVERS_H_
#define TESSERA_TESTS_DRILLS_SERVERS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tests/drills/calls.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

// Thread-safe.
class Servers {
 public:
  // What a call of a drill may take.
  static constexpr absl::Duration kCallLimit = absl::Seconds(2);

  // All of them run.
  explicit Servers(const std::vector<Tesserad*>& servers) : calls_(servers.size()) {
    for (size_t i = 0; i < servers.size(); ++i) Started(i, *servers[i]);
  }

  // It runs, perhaps on another port than before.
  void Started(size_t index, const Tesserad& server) {
    auto calls = std::make_shared<const Calls>(server.NewChannel(), kCallLimit);
    MutexLock lock(mu_);
    calls_[index].swap(calls);
  }

  std::shared_ptr<const Calls> operator[](size_t index) const {
    MutexLock lock(mu_);
    return calls_[index];
  }
  size_t size() const { return calls_.size(); }

 private:
  mutable Mutex mu_;
  // As many for ever; only what they point to changes.
  std::vector<std::shared_ptr<const Calls>> calls_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_SERVERS_H_
