// Raises the versions of whole tables, a range of ids at a time.
#ifndef TESSERA_STORAGE_SQL_RAISE_VERSIONS_H_
#define TESSERA_STORAGE_SQL_RAISE_VERSIONS_H_

#include <soci/soci.h>

#include <cstdint>
#include <string>

namespace tessera::storage::sql {

struct VersionRange {
  std::string after;  // an id; empty: from the start
  int64_t step = 0;
  int64_t limit = 0;
};

// Raises `version` by the step, and `revision` by one, in the next rows of `table`, which has all
// three columns. The last one's id; empty: there was none. May throw, as Statement does.
std::string RaiseVersionsIn(soci::session& session, const char* table, const VersionRange& range);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_RAISE_VERSIONS_H_
