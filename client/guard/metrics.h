// What a guard has done and how it stands, in numbers, for whatever collects metrics.
#ifndef TESSERA_GUARD_METRICS_H_
#define TESSERA_GUARD_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tessera {

// How often the calls of a method were decided upon in one way.
struct GuardDecisions {
  std::string method;     // a registered method's path; empty: all paths that no service owns, so
                          // that callers cannot make new ones
  absl::StatusCode code;  // kOk: let in
  std::string reason;     // of the refusal; empty if it has none
  uint64_t count = 0;     // since the start
};

// A plain value. Counts go up only; the rest is as of now.
struct GuardMetrics {
  std::vector<GuardDecisions> decisions;  // those that were ever made

  size_t keys = 0;  // trusted now; with none, no token can be checked
  // How long ago the list of revocations was last known to be whole: infinite if never, absent if
  // the guard follows none.
  std::optional<absl::Duration> revocations_age;
  size_t revocations = 0;  // in the list

  uint64_t cache_hits = 0;  // calls whose token was verified before
  uint64_t cache_misses = 0;
  size_t cache_tokens = 0;
  size_t cache_bytes = 0;

  size_t parked_calls = 0;            // waiting for keys now
  uint64_t parked_calls_total = 0;    // that ever waited
  uint64_t parked_calls_refused = 0;  // for which there was no room to wait

  size_t streams = 0;           // running, under watch
  size_t streams_in_grace = 0;  // of these: their token is revoked, and their end is near
  uint64_t streams_cut_by_revocation = 0;
  uint64_t streams_cut_by_expiry = 0;
};

}  // namespace tessera

#endif  // TESSERA_GUARD_METRICS_H_
