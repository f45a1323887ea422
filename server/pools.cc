#include "server/pools.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/lanes/cores.h"
#include "server/server.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

WorkerPool::Options LaneOf(std::string name, int threads, absl::Status too_late) {
  WorkerPool::Options options;
  options.name = std::move(name);
  options.threads = threads;
  options.too_late = std::move(too_late);
  return options;
}

// Work on the store: a store that is away or busy has held up what came before.
WorkerPool::Options StoreLaneOf(std::string name, int threads) {
  return LaneOf(std::move(name), threads,
                RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                                 "the database is away or busy", absl::Seconds(1)));
}

WorkerPool::Options HashingLane() {
  WorkerPool::Options options =
      LaneOf("hashing", UsableCores(),
             RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                              "too much work is waiting", absl::Seconds(1)));
  options.nice = kHashingNice;
  return options;
}

}  // namespace

Pools::Pools(const Config& config, const Clock& clock)
    : database(StoreLaneOf("database", config.storage.connections), clock),
      urgent(StoreLaneOf("urgent", kUrgentThreads), clock),
      hashing(HashingLane(), clock) {}

}  // namespace tessera::server
