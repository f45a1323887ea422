// How often each decision was made about the calls of one method.
#ifndef TESSERA_GUARD_DECISION_COUNTERS_H_
#define TESSERA_GUARD_DECISION_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tessera/guard/metrics.h"

namespace tessera::guard {

// Thread-safe, without locks. An admission is one relaxed addition. Fixed in size: whatever callers
// send, there is one counter for each of the guard's reasons and one for all others.
class DecisionCounters {
 public:
  static constexpr size_t kOutcomes = 26;

  void CountAdmission() { counts_[0].fetch_add(1, std::memory_order_relaxed); }
  void CountRefusal(const absl::Status& refusal);

  // Those above zero, as of `method`.
  void AppendTo(const std::string& method, std::vector<GuardDecisions>& decisions) const;

 private:
  std::array<std::atomic<uint64_t>, kOutcomes> counts_{};
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_DECISION_COUNTERS_H_
