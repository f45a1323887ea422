// Writes a changed service account back, with or without ending what it holds.
#ifndef TESSERA_SERVER_USER_STORE_SERVICE_ACCOUNT_H_
#define TESSERA_SERVER_USER_STORE_SERVICE_ACCOUNT_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace tessera::server {

// NOT_FOUND SERVICE_ACCOUNT_NOT_FOUND; ABORTED ETAG_MISMATCH: `etag` is neither empty nor the
// account's.
absl::StatusOr<storage::ServiceAccount> FindAt(storage::Repositories& repositories,
                                               const ServiceId& id, std::string_view etag);

// Pure. Whether `before` could do anything that `after` cannot: be active, hold a role, ask for an
// audience or a scope, serve an audience, prove itself by a key or a name.
bool TakesAway(const storage::ServiceAccount& before, const storage::ServiceAccount& after);

// Stores `account`, but for its roles, one revision on; `account` holds what is stored afterwards.
// ETAG_MISMATCH: somebody else changed it since it was read. Also ALREADY_EXISTS IDENTITY_TAKEN.
absl::Status StoreNext(storage::Repositories& repositories, storage::ServiceAccount& account,
                       absl::Time now);

// Tells the feed that every token of an earlier version than the account's, which was raised, is
// refused. The last act of a transaction; call RevocationFeed::CatchUp behind it, before the
// answer.
absl::Status AppendEnd(storage::Repositories& repositories, const storage::ServiceAccount& account,
                       absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_STORE_SERVICE_ACCOUNT_H_
