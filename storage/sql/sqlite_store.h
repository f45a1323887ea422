// The store on an SQLite file: WAL, synchronous=FULL, one writer, readers beside it.
#ifndef TESSERA_STORAGE_SQL_SQLITE_STORE_H_
#define TESSERA_STORAGE_SQL_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::storage {

// More readers than this are not opened. What reads at the same time must fit: one thread too many
// waits, and another's revocations may wait behind it.
inline constexpr int kMaxSqliteReaders = 320;

struct SqliteOptions {
  std::string path;  // its folder must exist; the file is made with mode 0600
  int readers = 4;   // connections beside the writer's; 1 to kMaxSqliteReaders, or cut to that
};

// Opens or makes the file, brings the schema up to date, and holds the file for this process alone.
// FAILED_PRECONDITION: another process has it, or a newer program wrote a schema that this one
// cannot serve. Keeps references to `clock` and `log`: both must outlive the store.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options,
                                                       const Clock& clock, LogSink& log);

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_SQL_SQLITE_STORE_H_
