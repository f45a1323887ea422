// The pools that blocking work runs on.
#ifndef TESSERA_SERVER_POOLS_H_
#define TESSERA_SERVER_POOLS_H_

#include "server/config/config.h"
#include "server/lanes/worker_pool.h"
#include "server/rpc/call.h"
#include "tessera/base/clock.h"

namespace tessera::server {

// As many threads as connections, a few for what must get through, one for each core that hashes.
struct Pools {
  Pools(const Config& config, const Clock& clock);

  Lanes lanes() { return {database, urgent, hashing}; }

  WorkerPool database, urgent, hashing;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_POOLS_H_
