// Finds a user by whatever names one.
#ifndef TESSERA_SERVER_USER_FIND_USER_H_
#define TESSERA_SERVER_USER_FIND_USER_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "storage/store.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// An email address, as it was given.
struct ByEmail {
  std::string address;
};

// Names a user by id, by name (as it was given) or by email address.
using UserKey = std::variant<UserId, std::string, ByEmail>;

// Nothing for a name or an address that nobody can have.
absl::StatusOr<std::optional<storage::User>> FindUserByKey(storage::Repositories& repositories,
                                                           const UserKey& key);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_FIND_USER_H_
