// The names of a user's groups.
#ifndef TESSERA_STORAGE_SQL_GROUP_NAMES_H_
#define TESSERA_STORAGE_SQL_GROUP_NAMES_H_

#include <soci/soci.h>

#include <string>
#include <vector>

#include "tessera/base/ids.h"

namespace tessera::storage::sql {

// In order. May throw, as Statement does.
std::vector<std::string> GroupNamesOf(soci::session& session, const UserId& user);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_GROUP_NAMES_H_
