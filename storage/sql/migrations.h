// Brings the schema up to date: forward only, one re-runnable step after the other.
#ifndef TESSERA_STORAGE_SQL_MIGRATIONS_H_
#define TESSERA_STORAGE_SQL_MIGRATIONS_H_

#include <soci/soci.h>

#include "absl/status/status.h"
#include "storage/sql/engine.h"
#include "storage/sql/schema.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::storage::sql {

struct MigrationOptions {
  // Nobody else can have the database (SQLite's file lock): a lease left by a killed process is
  // void at once.
  bool sole_owner = false;
  // A lease whose heartbeat is older is taken over.
  absl::Duration lease_life = absl::Seconds(30);
  // How long to wait for somebody else's migration.
  absl::Duration patience = absl::Seconds(60);
};

// Runs the steps that are missing, holding the lease row `schema_state` (taken by compare-and-swap;
// `holder` and `heartbeat`), so that replicas starting together do it once. Every step is recorded
// before the next begins; whoever is killed in between leaves what the next start carries on from.
// A schema that is up to date is only read.
// FAILED_PRECONDITION: a newer program made the schema and it says that this one cannot serve it.
// UNAVAILABLE: somebody else holds the lease, or the database is away. INTERNAL otherwise.
absl::Status Migrate(soci::session& session, const Engine& engine, const Steps& steps,
                     const MigrationOptions& options, const Clock& clock, LogSink& log);

// OK if this program can serve the schema as it is; FAILED_PRECONDITION otherwise. Changes nothing.
absl::Status CheckSchema(soci::session& session, const Engine& engine, const Steps& steps,
                         const Clock& clock, LogSink& log);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_MIGRATIONS_H_
