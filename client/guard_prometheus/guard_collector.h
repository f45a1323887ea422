// A guard's metrics for prometheus-cpp.
//
//   const auto collector = tessera::MakeGuardCollector(*guard);
//   exposer.RegisterCollectable(collector);  // keeps it weakly: so do you keep it
#ifndef TESSERA_GUARD_PROMETHEUS_GUARD_COLLECTOR_H_
#define TESSERA_GUARD_PROMETHEUS_GUARD_COLLECTOR_H_

#include <prometheus/collectable.h>

#include <memory>

#include "tessera/guard/guard.h"

namespace tessera {

// Reads Guard::Metrics at every scrape; nothing happens in between. Thread-safe. The guard must
// outlive the collector. Labels: `method` is a method of the server, or empty for all paths that
// none of its services owns; `code` and `reason` are those of the guard. So their number is bounded
// by the server, whatever its callers do.
std::shared_ptr<prometheus::Collectable> MakeGuardCollector(const Guard& guard);

}  // namespace tessera

#endif  // TESSERA_GUARD_PROMETHEUS_GUARD_COLLECTOR_H_
