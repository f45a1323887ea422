#include "storage/sql/group_names.h"

#include "storage/sql/statement.h"

namespace tessera::storage::sql {

std::vector<std::string> GroupNamesOf(soci::session& session, const UserId& user) {
  std::vector<std::string> names;
  std::string name;
  Statement statement(session,
                      "SELECT n.name FROM group_members AS m"
                      " INNER JOIN user_groups AS n ON n.id = m.group_id"
                      " WHERE m.user_id = :user ORDER BY n.name");
  statement.Bind("user", user.str()).Into(name).Each([&] { names.push_back(name); });
  return names;
}

}  // namespace tessera::storage::sql
