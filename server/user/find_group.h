// Finds what an administrator names, or says that it is not there.
#ifndef TESSERA_SERVER_USER_FIND_GROUP_H_
#define TESSERA_SERVER_USER_FIND_GROUP_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace tessera::server {

// NOT_FOUND GROUP_NOT_FOUND.
absl::StatusOr<storage::Group> FindGroup(storage::Repositories& repositories,
                                         std::string_view name);
// NOT_FOUND ROLE_NOT_FOUND.
absl::StatusOr<storage::Role> FindRole(storage::Repositories& repositories, std::string_view name);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_FIND_GROUP_H_
