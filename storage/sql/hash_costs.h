// Which costs the stored password hashes have: a row for each, that writers of hashes touch.
#ifndef TESSERA_STORAGE_SQL_HASH_COSTS_H_
#define TESSERA_STORAGE_SQL_HASH_COSTS_H_

#include <soci/soci.h>

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

// `$argon2id$v=19$m=19456,t=2,p=1` of `$argon2id$v=19$m=19456,t=2,p=1$SALT$TAG`. Empty for what has
// fewer fields.
std::string_view HashCostOf(std::string_view password_hash);

// Notes the cost of a hash that this transaction has written. It counts the row up, so that whoever
// would forget the cost meanwhile waits, or on Galera is refused.
absl::Status NoteHashCost(Transaction& transaction, std::string_view password_hash);

// Removes at most `limit` costs that no user's hash has; how many.
int64_t ForgetUnusedHashCosts(soci::session& session, int64_t limit);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_HASH_COSTS_H_
