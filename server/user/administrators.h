// Somebody must stay who can administer.
#ifndef TESSERA_SERVER_USER_ADMINISTRATORS_H_
#define TESSERA_SERVER_USER_ADMINISTRATORS_H_

#include "absl/status/status.h"
#include "storage/store.h"

namespace tessera::server {

// FAILED_PRECONDITION LAST_ADMINISTRATOR: no active user besides `user` holds `tessera.admin`, and
// `user` is an active one who does. Ask in the transaction that makes the change.
absl::Status RefuseIfLastAdministrator(storage::Repositories& repositories,
                                       const storage::User& user);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_ADMINISTRATORS_H_
