#include "storage/sql/sql_role_repository.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/sql/picked_delete.h"
#include "storage/usable_hash.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

// A role for each of its audiences; `roles` in the middle is a selection of whole roles.
constexpr char kSelectBegin[] =
    "SELECT r.id, r.name, r.description, r.created_at, a.audience FROM (SELECT id, name,"
    " description, created_at FROM roles ";
constexpr char kSelectEnd[] =
    ") AS r LEFT JOIN role_audiences AS a ON a.role_id = r.id ORDER BY r.name, a.place";

// Likewise of the roles that a user holds in effect.
constexpr char kSelectHeld[] =
    "SELECT r.id, r.name, r.description, r.created_at, a.audience FROM"
    " (SELECT role_id FROM user_roles WHERE user_id = :user"
    " UNION SELECT h.role_id FROM group_members AS m"
    " INNER JOIN group_roles AS h ON h.group_id = m.group_id WHERE m.user_id = :user) AS g"
    " INNER JOIN roles AS r ON r.id = g.role_id AND r.deleted_at IS NULL"
    " LEFT JOIN role_audiences AS a ON a.role_id = r.id ORDER BY r.name, a.place";
// Where they come from: an empty name stands for the user itself.
constexpr char kSelectSources[] =
    "SELECT role_id, '' AS source FROM user_roles WHERE user_id = :user"
    " UNION ALL SELECT h.role_id, n.name AS source FROM group_members AS m"
    " INNER JOIN group_roles AS h ON h.group_id = m.group_id"
    " INNER JOIN user_groups AS n ON n.id = m.group_id WHERE m.user_id = :user ORDER BY source";

absl::Status NotFound(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kNotFound, reason, text);
}
absl::Status UserGone() { return NotFound(reason::kUserNotFound, "no such user"); }
absl::Status RoleGone() { return NotFound(reason::kRoleNotFound, "no such role"); }

// Runs a statement made of kSelectBegin and kSelectEnd.
std::vector<Role> Collect(Statement& statement) {
  std::vector<Role> roles;
  std::string id;
  Role row;
  std::optional<std::string> audience;
  statement.Into(id).Into(row.name).Into(row.description).Into(row.created_at).Into(audience);
  statement.Each([&] {
    if (roles.empty() || roles.back().id.str() != id) {
      roles.push_back(row);
      roles.back().id = RoleId(id);
    }
    if (audience.has_value()) roles.back().audiences.push_back(*audience);
  });
  return roles;
}

void AddSources(soci::session& session, const UserId& user, std::vector<HeldRole>& holdings) {
  std::string role;
  std::string source;
  Statement statement(session, kSelectSources);
  statement.Bind("user", user.str()).Into(role).Into(source).Each([&] {
    for (HeldRole& held : holdings) {
      if (held.role.id.str() != role) continue;
      if (source.empty()) {
        held.direct = true;
      } else {
        held.groups.push_back(source);
      }
    }
  });
}

void InsertAudiences(soci::session& session, const Role& role) {
  int64_t place = 0;
  for (const std::string& audience : role.audiences) {
    Statement(session,
              "INSERT INTO role_audiences (role_id, place, audience)"
              " VALUES (:role, :place, :audience)")
        .Bind("role", role.id.str())
        .Bind("place", place++)
        .Bind("audience", audience)
        .Run();
  }
}

// The next role whose rows are to go. The names of other roles cannot be like the one that a
// deleted role gets: a program that does not know of deletions takes it for a role that nobody asks
// for.
constexpr char kDeletedPrefix[] = "deleted:";
constexpr char kSelectDeleted[] =
    "SELECT id FROM roles WHERE deleted_at > 0"
    " AND id NOT IN (SELECT role_id FROM group_role_losses) ORDER BY deleted_at, id LIMIT 1";

// What refers to a role, and the other half of the key.
struct Links {
  const char* table;
  const char* key;
  bool by_number;
};
constexpr Links kLinks[] = {{"service_account_roles", "service_id", false},
                            {"group_roles", "group_id", false},
                            {"user_roles", "user_id", false},
                            {"role_audiences", "place", true}};

int64_t DeleteLinks(soci::session& session, const Links& links, const std::string& role,
                    int64_t limit) {
  const auto bind = [&](Statement& statement) { statement.Bind("role", role); };
  const PickedDelete what = {
      absl::StrCat("SELECT ", links.key, " FROM ", links.table, " WHERE role_id = :role ORDER BY ",
                   links.key, " LIMIT :batch"),
      absl::StrCat("DELETE FROM ", links.table, " WHERE role_id = :role AND ", links.key, " IN "),
      bind};
  return links.by_number ? DeleteByNumber(session, what, limit)
                         : DeleteByName(session, what, limit);
}

// Of one role at most `limit` rows, the role itself being the last.
int64_t Purge(soci::session& session, const std::string& role, int64_t limit) {
  int64_t removed = 0;
  for (const Links& links : kLinks) removed += DeleteLinks(session, links, role, limit - removed);
  if (removed == limit) return removed;
  return removed + Statement(session, "DELETE FROM roles WHERE id = :id").Bind("id", role).Run();
}

}  // namespace

absl::Status SqlRoleRepository::Insert(const Role& role) {
  return transaction_.Do(
      "roles.insert",
      [&](soci::session& session) {
        Statement statement(session,
                            "INSERT INTO roles (id, name, description, created_at)"
                            " VALUES (:id, :name, :description, :created_at)");
        statement.Bind("id", role.id.str()).Bind("name", role.name);
        statement.Bind("description", role.description).Bind("created_at", role.created_at).Run();
        InsertAudiences(session, role);
      },
      {.duplicate = Refusal(absl::StatusCode::kAlreadyExists, reason::kRoleNameTaken,
                            "another role has this name")});
}

absl::StatusOr<std::optional<Role>> SqlRoleRepository::FindByName(std::string_view name) {
  return transaction_.Do("roles.find_by_name", [&](soci::session& session) -> std::optional<Role> {
    Statement statement(
        session,
        absl::StrCat(kSelectBegin, "WHERE name = :name AND deleted_at IS NULL", kSelectEnd));
    std::vector<Role> roles = Collect(statement.Bind("name", name));
    if (roles.empty()) return std::nullopt;
    return std::move(roles.front());
  });
}

absl::StatusOr<std::vector<Role>> SqlRoleRepository::List(std::string_view after_name, int limit) {
  return transaction_.Do("roles.list", [&](soci::session& session) {
    Statement statement(
        session,
        absl::StrCat(kSelectBegin,
                     "WHERE name > :after AND deleted_at IS NULL ORDER BY name LIMIT :limit",
                     kSelectEnd));
    return Collect(statement.Bind("after", after_name).Bind("limit", int64_t{limit}));
  });
}

absl::StatusOr<bool> SqlRoleRepository::Delete(const RoleId& id, absl::Time now) {
  return transaction_.Do("roles.delete", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE roles SET name = :name, deleted_at = :now"
                        " WHERE id = :id AND deleted_at IS NULL");
    statement.Bind("name", absl::StrCat(kDeletedPrefix, id.str())).Bind("now", now);
    return statement.Bind("id", id.str()).Run() == 1;
  });
}

absl::StatusOr<int64_t> SqlRoleRepository::PurgeDeleted(int limit) {
  return transaction_.Do("roles.purge_deleted", [&](soci::session& session) {
    int64_t removed = 0;
    std::string role;
    while (removed < limit && Statement(session, kSelectDeleted).Into(role).One()) {
      removed += Purge(session, role, limit - removed);
    }
    return removed;
  });
}

absl::StatusOr<bool> SqlRoleRepository::Exists(const char* select, const std::string& id) {
  return transaction_.Do("roles.exists", [&](soci::session& session) {
    std::string found;
    return Statement(session, select).Bind("id", id).Into(found).One();
  });
}

absl::Status SqlRoleRepository::Grant(const RoleId& role, const UserId& user, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const bool user_exists,
                           Exists("SELECT id FROM users WHERE id = :id", user.str()));
  if (!user_exists) return UserGone();
  TESSERA_ASSIGN_OR_RETURN(
      const bool role_exists,
      Exists("SELECT id FROM roles WHERE id = :id AND deleted_at IS NULL", role.str()));
  if (!role_exists) return RoleGone();
  const absl::Status granted = transaction_.Do(
      "roles.grant",
      [&](soci::session& session) {
        Statement statement(session,
                            "INSERT INTO user_roles (user_id, role_id, granted_at)"
                            " VALUES (:user, :role, :now)");
        statement.Bind("user", user.str()).Bind("role", role.str()).Bind("now", now).Run();
      },
      // Where others write beside this transaction, the user may vanish after the look above.
      {.primary = absl::AlreadyExistsError("held already"), .orphan = UserGone()});
  return absl::IsAlreadyExists(granted) ? absl::OkStatus() : granted;
}

absl::StatusOr<bool> SqlRoleRepository::Revoke(const RoleId& role, const UserId& user) {
  return transaction_.Do("roles.revoke", [&](soci::session& session) {
    Statement statement(session,
                        "DELETE FROM user_roles WHERE user_id = :user AND role_id = :role");
    return statement.Bind("user", user.str()).Bind("role", role.str()).Run() == 1;
  });
}

absl::StatusOr<std::vector<Role>> SqlRoleRepository::HeldBy(const UserId& user) {
  return transaction_.Do("roles.held_by", [&](soci::session& session) {
    Statement statement(session, kSelectHeld);
    return Collect(statement.Bind("user", user.str()));
  });
}

absl::StatusOr<std::vector<HeldRole>> SqlRoleRepository::HoldingsOf(const UserId& user) {
  TESSERA_ASSIGN_OR_RETURN(std::vector<Role> held, HeldBy(user));
  return transaction_.Do("roles.holdings_of", [&](soci::session& session) {
    std::vector<HeldRole> holdings;
    for (Role& role : held) holdings.emplace_back().role = std::move(role);
    AddSources(session, user, holdings);
    return holdings;
  });
}

absl::StatusOr<int64_t> SqlRoleRepository::CountActiveHolders(const RoleId& role) {
  return transaction_.Do("roles.count_active_holders", [&](soci::session& session) {
    int64_t holders = 0;
    Statement(session,
              "SELECT COUNT(*) FROM (SELECT user_id FROM user_roles WHERE role_id = :role"
              " UNION SELECT m.user_id FROM group_roles AS h"
              " INNER JOIN group_members AS m ON m.group_id = h.group_id"
              " WHERE h.role_id = :role) AS g"
              " INNER JOIN users AS u ON u.id = g.user_id WHERE u.state = 0"
              " AND u.password_hash <> '' AND SUBSTR(u.password_hash, :tail) <> :unusable")
        .Bind("role", role.str())
        .Bind("tail", -static_cast<int64_t>(kUnusableHashEnd.size()))
        .Bind("unusable", kUnusableHashEnd)
        .Into(holders)
        .One();
    return holders;
  });
}

absl::Status SqlRoleRepository::TakeTurn() {
  TESSERA_ASSIGN_OR_RETURN(
      const int64_t rows, transaction_.Do("roles.take_turn", [](soci::session& session) {
        return Statement(session, "UPDATE administration SET writes = writes + 1 WHERE id = 1")
            .Run();
      }));
  return rows == 1 ? absl::OkStatus() : absl::InternalError("the row that gives turns is missing");
}

}  // namespace tessera::storage::sql
