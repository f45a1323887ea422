// Writes a changed user back, with or without ending what the user holds.
#ifndef TESSERA_SERVER_USER_STORE_USER_H_
#define TESSERA_SERVER_USER_STORE_USER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace tessera::server {

// ABORTED ETAG_MISMATCH.
absl::Status EtagMismatch();

// Stores `user` one revision on; `user` holds what is stored afterwards. ETAG_MISMATCH: somebody
// else changed the user since it was read. Also ALREADY_EXISTS USERNAME_TAKEN.
absl::Status StoreNext(storage::Repositories& repositories, storage::User& user, absl::Time now);

// Likewise and one version on, so that every token the user has is refused and no login or renewal
// that is under way ends well; revokes all the sessions. AppendEnd belongs to it.
absl::Status StoreAndEndSessions(storage::Repositories& repositories, storage::User& user,
                                 absl::Time now);
// The feed's entry for that, behind the audit trail's. The last act of a transaction; call
// RevocationFeed::CatchUp behind it, before the answer.
absl::Status AppendEnd(storage::Repositories& repositories, const storage::User& user,
                       absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_STORE_USER_H_
