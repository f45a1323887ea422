// Deletes in statements of bounded size.
#ifndef TESSERA_STORAGE_SQL_BOUNDED_DELETE_H_
#define TESSERA_STORAGE_SQL_BOUNDED_DELETE_H_

#include <cstdint>

namespace tessera::storage::sql {

// A single DELETE takes at most this many rows: Galera certifies, and replicas apply, a statement's
// rows as a whole.
inline constexpr int64_t kDeleteBatch = 1000;

// Calls `delete_some(n)`, which deletes at most n rows and says how many, until it has deleted
// `limit` or finds no more. How many in all.
template <typename DeleteSome>
int64_t DeleteInBatches(int64_t limit, DeleteSome delete_some) {
  int64_t total = 0;
  while (total < limit) {
    const int64_t batch = limit - total < kDeleteBatch ? limit - total : kDeleteBatch;
    const int64_t deleted = delete_some(batch);
    total += deleted;
    if (deleted < batch) break;
  }
  return total;
}

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_BOUNDED_DELETE_H_
