#include "server/pools.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/auth/hash_arena.h"
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

WorkerPool::Options HashingLane(size_t arena_bytes) {
  WorkerPool::Options options =
      LaneOf("hashing", HashingThreads(),
             RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                              "too much work is waiting", absl::Seconds(1)));
  options.nice = kHashingNice;
  // Without room now a hash asks for it again, and says so.
  options.on_start = [arena_bytes] { HashArena::OfThisThread().Reserve(arena_bytes); };
  return options;
}

}  // namespace

int HashingThreads() { return UsableCores() + 1; }

Pools::Pools(const Config& config, size_t arena_bytes, const Clock& clock)
    : database(StoreLaneOf("database", config.storage.connections), clock),
      urgent(StoreLaneOf("urgent", kUrgentThreads), clock),
      hashing(HashingLane(arena_bytes), clock) {}

}  // namespace tessera::server
