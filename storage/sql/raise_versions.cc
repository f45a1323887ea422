#include "storage/sql/raise_versions.h"

#include "absl/strings/str_cat.h"
#include "storage/sql/statement.h"

namespace tessera::storage::sql {

std::string RaiseVersionsIn(soci::session& session, const char* table, const VersionRange& range) {
  std::string id;
  std::string last;
  Statement look(session, absl::StrCat("SELECT id FROM ", table,
                                       " WHERE id > :after ORDER BY id LIMIT :limit"));
  look.Bind("after", range.after).Bind("limit", range.limit).Into(id).Each([&] { last = id; });
  if (last.empty()) return last;
  Statement raise(session, absl::StrCat("UPDATE ", table,
                                        " SET version = version + :step, revision = revision + 1"
                                        " WHERE id > :after AND id <= :last"));
  raise.Bind("step", range.step).Bind("after", range.after).Bind("last", last).Run();
  return last;
}

}  // namespace tessera::storage::sql
