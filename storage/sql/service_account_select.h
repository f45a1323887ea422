// Reads service accounts whole: a row each, their lists, names and roles.
#ifndef TESSERA_STORAGE_SQL_SERVICE_ACCOUNT_SELECT_H_
#define TESSERA_STORAGE_SQL_SERVICE_ACCOUNT_SELECT_H_

#include <soci/soci.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "storage/records.h"

namespace tessera::storage::sql {

// What the rows of service_account_lists and service_account_names hold.
enum ListKind : int64_t { kAudience = 1, kServedAudience = 2, kScope = 3 };
enum NameKind : int64_t { kCertificateName = 1, kKubernetesName = 2 };

// Both may throw soci::soci_error, as Statement does.
std::optional<ServiceAccount> SelectServiceAccount(soci::session& session, std::string_view id);
// In the order of their ids, beginning behind `after`, at most `limit`.
std::vector<ServiceAccount> SelectServiceAccounts(soci::session& session, const ServiceId& after,
                                                  int limit);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SERVICE_ACCOUNT_SELECT_H_
