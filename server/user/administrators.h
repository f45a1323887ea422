// Who may administer, and that somebody stays who can.
#ifndef TESSERA_SERVER_USER_ADMINISTRATORS_H_
#define TESSERA_SERVER_USER_ADMINISTRATORS_H_

#include "absl/status/status.h"
#include "storage/store.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// The guard admitted the caller when the call came in; the write may run much later, behind others
// in its lane. So every administrative write takes its turn and asks again, in its transaction and
// first of all (changes of keys: behind them, and never the other way round), which puts it before
// or behind whatever takes the caller's power away, on whichever replica that is. `actor` is the
// caller's subject: a user, or a service account (an id of its kind). No service account counts as
// somebody who stays: people must be able to administer. UNAUTHENTICATED TOKEN_REVOKED: `actor` is
// gone or disabled. PERMISSION_DENIED ROLE_REQUIRED: `actor` does not hold `tessera.admin`.
absl::Status RefuseUnlessAdministrator(storage::Repositories& repositories, const UserId& actor);

// Below, only who can log in with a password counts as one who can administer: not a user who was
// imported without a hash and has not set a password yet.

// FAILED_PRECONDITION LAST_ADMINISTRATOR: no active user besides `user` holds `tessera.admin`, and
// `user` is an active one who does. Ask in the transaction that makes the change, behind
// RefuseUnlessAdministrator: two who take the role from each other must not both find the other.
absl::Status RefuseIfLastAdministrator(storage::Repositories& repositories,
                                       const storage::User& user);

// FAILED_PRECONDITION LAST_ADMINISTRATOR: no active user holds `tessera.admin`, by itself or by a
// group. Ask behind a change that may have taken it from somebody, in the same transaction (which
// must not be committed then) and behind RefuseUnlessAdministrator.
absl::Status RefuseIfNobodyAdministers(storage::Repositories& repositories);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_ADMINISTRATORS_H_
