// The pools that blocking work runs on.
#ifndef TESSERA_SERVER_POOLS_H_
#define TESSERA_SERVER_POOLS_H_

#include <cstddef>

#include "server/config/config.h"
#include "server/lanes/worker_pool.h"
#include "server/rpc/call.h"
#include "tessera/base/clock.h"

namespace tessera::server {

// One for each core, and one more: each attempt is counted in the store before its hash, and the
// cores shall not wait for that. On a database server each has a connection.
int HashingThreads();

// As many threads as connections, a few for what must get through, HashingThreads.
struct Pools {
  // `arena_bytes`: the most memory that a hash may take; each hashing thread sets it aside as it
  // starts.
  Pools(const Config& config, size_t arena_bytes, const Clock& clock);

  Lanes lanes() { return {database, urgent, hashing}; }

  WorkerPool database, urgent, hashing;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_POOLS_H_
