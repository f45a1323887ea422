// The store that `storage.url` names: a choice made once, at the start.
#ifndef TESSERA_SERVER_OPEN_STORE_H_
#define TESSERA_SERVER_OPEN_STORE_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config/config.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// Between two tries to reach a database that is away.
inline constexpr absl::Duration kReachAgainAfter = absl::Milliseconds(500);

struct StoreOpening {
  const StorageConfig& storage;  // as LoadConfig accepts it
  int connections = 1;           // in all: of the lanes and of what runs beside them
  // Asked while a start waits; true gives up. Empty: never.
  std::function<bool()> stop_asked;
};

// Opens an SQLite file or connects to MySQL, and brings the schema up to date unless
// `storage.migrate` says otherwise. A MySQL that is away is waited for as long as
// `storage.wait_at_start` says (events `storage.away`, `storage.reached`). Blocks.
// FAILED_PRECONDITION and others: a message for the operator, without secrets. UNAVAILABLE: away
// for too long. CANCELLED: `stop_asked`.
absl::StatusOr<std::unique_ptr<storage::Store>> OpenStore(const StoreOpening& opening,
                                                          const Clock& clock, LogSink& log);

// What `tesserad --migrate` does: opens the store so that its schema is brought up to date whatever
// `storage.migrate` says, and closes it. Fails likewise.
absl::Status MigrateStore(const StorageConfig& storage, const Clock& clock, LogSink& log);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_OPEN_STORE_H_
