// Deletes what a look finds, by its keys: a statement that picks and deletes at once reads, and
// locks, the whole table on MariaDB.
#ifndef TESSERA_STORAGE_SQL_PICKED_DELETE_H_
#define TESSERA_STORAGE_SQL_PICKED_DELETE_H_

#include <soci/soci.h>

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "storage/sql/statement.h"

namespace tessera::storage::sql {

// A look takes at most this many keys, and a single DELETE (or UPDATE) at most this many rows:
// Galera certifies, and replicas apply, a statement's rows as a whole.
inline constexpr int64_t kPickBatch = 1000;
inline constexpr int64_t kDeleteBatch = 100;

struct PickedDelete {
  // SELECT of the keys, one column, in an order that an index gives, ending in `LIMIT :batch`.
  std::string pick;
  // DELETE that ends in `AND column IN `; it says again what `pick` asks for.
  std::string remove;
  // Binds what both ask for.
  absl::FunctionRef<void(Statement&)> bind;
};

// The same walk with an UPDATE for `remove`, which must take a row out of what `pick` finds.
int64_t ChangeByName(soci::session& session, const PickedDelete& what, int64_t limit);

// Deletes at most `limit` rows; how many. For keys that are text, and for numbers.
int64_t DeleteByName(soci::session& session, const PickedDelete& what, int64_t limit);
int64_t DeleteByNumber(soci::session& session, const PickedDelete& what, int64_t limit);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_PICKED_DELETE_H_
