// All repositories of one transaction.
#ifndef TESSERA_STORAGE_SQL_SQL_REPOSITORIES_H_
#define TESSERA_STORAGE_SQL_SQL_REPOSITORIES_H_

#include <soci/soci.h>

#include <optional>

#include "absl/status/status.h"
#include "storage/sql/engine.h"
#include "storage/store.h"
#include "tessera/base/log.h"

namespace tessera::storage::sql {

struct WorkOutcome {
  absl::Status status;  // OK: it may be committed
  // Set if a statement failed in a way that its caller did not expect.
  std::optional<Failure> failure;
};

// Runs `work` on the session, in the transaction that is open there; neither commits nor rolls
// back. Anything that `work` throws becomes INTERNAL.
WorkOutcome RunWork(soci::session& session, const Engine& engine, LogSink& log, Store::Work work);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_REPOSITORIES_H_
