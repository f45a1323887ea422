// All repositories of one transaction.
#ifndef TESSERA_STORAGE_SQL_SQL_REPOSITORIES_H_
#define TESSERA_STORAGE_SQL_SQL_REPOSITORIES_H_

#include <soci/soci.h>

#include "absl/status/status.h"
#include "storage/sql/engine.h"
#include "storage/store.h"
#include "tessera/base/log.h"

namespace tessera::storage::sql {

// Runs `work` on the session, in the transaction that is open there; neither commits nor rolls
// back. OK: it may be committed. Anything that `work` throws becomes INTERNAL.
absl::Status RunWork(soci::session& session, const Engine& engine, LogSink& log, Store::Work work);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_REPOSITORIES_H_
