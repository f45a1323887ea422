#include "storage/sql/sql_group_repository.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/sql/group_names.h"
#include "storage/sql/picked_delete.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();

// A group for each of its roles; `user_groups` in the middle is a selection of whole groups.
constexpr char kSelectBegin[] =
    "SELECT g.id, g.name, g.description, g.created_at, r.name AS role FROM (SELECT id, name,"
    " description, created_at FROM user_groups ";
constexpr char kSelectEnd[] =
    ") AS g LEFT JOIN group_roles AS h ON h.group_id = g.id"
    " LEFT JOIN roles AS r ON r.id = h.role_id AND r.deleted_at IS NULL ORDER BY g.name, r.name";

absl::Status NotFound(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kNotFound, reason, text);
}
absl::Status UserGone() { return NotFound(reason::kUserNotFound, "no such user"); }
absl::Status RoleGone() { return NotFound(reason::kRoleNotFound, "no such role"); }
absl::Status GroupGone() { return NotFound(reason::kGroupNotFound, "no such group"); }

// Runs a statement made of kSelectBegin and kSelectEnd.
std::vector<Group> Collect(Statement& statement) {
  std::vector<Group> groups;
  std::string id;
  Group row;
  std::optional<std::string> role;
  statement.Into(id).Into(row.name).Into(row.description).Into(row.created_at).Into(role);
  statement.Each([&] {
    if (groups.empty() || groups.back().id.str() != id) {
      groups.push_back(row);
      groups.back().id = GroupId(id);
    }
    if (role.has_value()) groups.back().roles.push_back(*role);
  });
  return groups;
}

// The role also of a deleted one.
constexpr char kSelectLoss[] =
    "SELECT l.group_id, l.role_id, l.ended_until, r.name FROM group_role_losses AS l"
    " INNER JOIN roles AS r ON r.id = l.role_id";

std::vector<GroupLoss> CollectLosses(Statement& statement) {
  std::vector<GroupLoss> losses;
  std::string group;
  std::string role;
  std::string until;
  std::string name;
  statement.Into(group).Into(role).Into(until).Into(name).Each([&] {
    losses.push_back({GroupId(group), RoleId(role), name, UserId(until)});
  });
  return losses;
}

// `column` of the rows of `table` that are the group's.
void DeleteLinks(soci::session& session, const char* table, const char* column, const GroupId& id) {
  DeleteByName(
      session,
      {absl::StrCat("SELECT ", column, " FROM ", table, " WHERE group_id = :group ORDER BY ",
                    column, " LIMIT :batch"),
       absl::StrCat("DELETE FROM ", table, " WHERE group_id = :group AND ", column, " IN "),
       [&](Statement& statement) { statement.Bind("group", id.str()); }},
      kAll);
}

// Deletes one link; whether it was there.
bool Unlink(soci::session& session, const char* remove, const GroupId& group,
            const std::string& other) {
  Statement statement(session, remove);
  return statement.Bind("group", group.str()).Bind("other", other).Run() == 1;
}

constexpr char kDeleteGrant[] =
    "DELETE FROM group_roles WHERE group_id = :group AND role_id = :other";
constexpr char kDeleteLoss[] =
    "DELETE FROM group_role_losses WHERE group_id = :group AND role_id = :other";

}  // namespace

struct SqlGroupRepository::Link {
  const char* name;         // for the log
  const char* find_other;   // SELECT of the other thing by :id
  const char* insert;       // with :group, :other, :now
  absl::Status other_gone;  // what its absence means
  const GroupId& group;
  const std::string& other;
  absl::Time now;
};

absl::StatusOr<bool> SqlGroupRepository::Exists(const char* select, const std::string& id) {
  return transaction_.Do("groups.exists", [&](soci::session& session) {
    std::string found;
    return Statement(session, select).Bind("id", id).Into(found).One();
  });
}

absl::Status SqlGroupRepository::Insert(const Link& link) {
  TESSERA_ASSIGN_OR_RETURN(const bool group_exists,
                           Exists("SELECT id FROM user_groups WHERE id = :id", link.group.str()));
  if (!group_exists) return GroupGone();
  TESSERA_ASSIGN_OR_RETURN(const bool other_exists, Exists(link.find_other, link.other));
  if (!other_exists) return link.other_gone;
  const absl::Status linked = transaction_.Do(
      link.name,
      [&](soci::session& session) {
        Statement statement(session, link.insert);
        statement.Bind("group", link.group.str()).Bind("other", link.other);
        statement.Bind("now", link.now).Run();
      },
      // Where others write beside this transaction, either may vanish after the looks above.
      {.primary = absl::AlreadyExistsError("linked already"), .orphan = link.other_gone});
  return absl::IsAlreadyExists(linked) ? absl::OkStatus() : linked;
}

absl::Status SqlGroupRepository::Insert(const Group& group) {
  return transaction_.Do(
      "groups.insert",
      [&](soci::session& session) {
        Statement statement(session,
                            "INSERT INTO user_groups (id, name, description, created_at)"
                            " VALUES (:id, :name, :description, :created_at)");
        statement.Bind("id", group.id.str()).Bind("name", group.name);
        statement.Bind("description", group.description).Bind("created_at", group.created_at);
        statement.Run();
      },
      {.duplicate = Refusal(absl::StatusCode::kAlreadyExists, reason::kGroupNameTaken,
                            "another group has this name")});
}

absl::StatusOr<std::optional<Group>> SqlGroupRepository::FindByName(std::string_view name) {
  return transaction_.Do("groups.find_by_name", [&](soci::session& session) {
    Statement statement(session, absl::StrCat(kSelectBegin, "WHERE name = :name", kSelectEnd));
    std::vector<Group> groups = Collect(statement.Bind("name", name));
    return groups.empty() ? std::nullopt : std::optional(std::move(groups.front()));
  });
}

absl::StatusOr<std::vector<Group>> SqlGroupRepository::List(std::string_view after_name,
                                                            int limit) {
  return transaction_.Do("groups.list", [&](soci::session& session) {
    Statement statement(
        session,
        absl::StrCat(kSelectBegin, "WHERE name > :after ORDER BY name LIMIT :limit", kSelectEnd));
    return Collect(statement.Bind("after", after_name).Bind("limit", int64_t{limit}));
  });
}

absl::StatusOr<bool> SqlGroupRepository::Delete(const GroupId& id) {
  return transaction_.Do("groups.delete", [&](soci::session& session) {
    DeleteLinks(session, "group_roles", "role_id", id);
    DeleteLinks(session, "group_role_losses", "role_id", id);
    DeleteLinks(session, "group_members", "user_id", id);
    Statement statement(session, "DELETE FROM user_groups WHERE id = :id");
    return statement.Bind("id", id.str()).Run() == 1;
  });
}

absl::Status SqlGroupRepository::AddMember(const GroupId& group, const UserId& user,
                                           absl::Time now) {
  return Insert({"groups.add_member", "SELECT id FROM users WHERE id = :id",
                 "INSERT INTO group_members (group_id, user_id, added_at)"
                 " VALUES (:group, :other, :now)",
                 UserGone(), group, user.str(), now});
}

absl::StatusOr<bool> SqlGroupRepository::RemoveMember(const GroupId& group, const UserId& user) {
  return transaction_.Do("groups.remove_member", [&](soci::session& session) {
    return Unlink(session, "DELETE FROM group_members WHERE group_id = :group AND user_id = :other",
                  group, user.str());
  });
}

absl::StatusOr<std::vector<std::string>> SqlGroupRepository::NamesOf(const UserId& user) {
  return transaction_.Do("groups.names_of",
                         [&](soci::session& session) { return GroupNamesOf(session, user); });
}

absl::Status SqlGroupRepository::Grant(const GroupId& group, const RoleId& role, absl::Time now) {
  TESSERA_RETURN_IF_ERROR(
      Insert({"groups.grant", "SELECT id FROM roles WHERE id = :id AND deleted_at IS NULL",
              "INSERT INTO group_roles (group_id, role_id, granted_at)"
              " VALUES (:group, :other, :now)",
              RoleGone(), group, role.str(), now}));
  return EndLoss(group, role);
}

absl::StatusOr<bool> SqlGroupRepository::Revoke(const GroupId& group, const RoleId& role) {
  return transaction_.Do("groups.revoke", [&](soci::session& session) {
    return Unlink(session, kDeleteGrant, group, role.str());
  });
}

absl::StatusOr<bool> SqlGroupRepository::BeginLoss(const GroupId& group, const RoleId& role,
                                                   absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const bool held, Revoke(group, role));
  return transaction_.Do("groups.begin_loss", [&](soci::session& session) {
    std::string found;
    Statement look(session,
                   "SELECT role_id FROM group_role_losses WHERE group_id = :group"
                   " AND role_id = :role");
    if (look.Bind("group", group.str()).Bind("role", role.str()).Into(found).One()) return true;
    if (!held) return false;
    Statement begin(session,
                    "INSERT INTO group_role_losses (group_id, role_id, lost_at, ended_until)"
                    " VALUES (:group, :role, :now, '')");
    begin.Bind("group", group.str()).Bind("role", role.str()).Bind("now", now).Run();
    return true;
  });
}

absl::StatusOr<std::vector<GroupLoss>> SqlGroupRepository::LossesOf(const GroupId& group) {
  return transaction_.Do("groups.losses_of", [&](soci::session& session) {
    Statement statement(session,
                        absl::StrCat(kSelectLoss, " WHERE l.group_id = :group ORDER BY r.name"));
    return CollectLosses(statement.Bind("group", group.str()));
  });
}

absl::StatusOr<std::optional<GroupLoss>> SqlGroupRepository::NextLoss() {
  return transaction_.Do(
      "groups.next_loss", [](soci::session& session) -> std::optional<GroupLoss> {
        Statement statement(session,
                            absl::StrCat(kSelectLoss, " ORDER BY l.group_id, l.role_id LIMIT 1"));
        std::vector<GroupLoss> losses = CollectLosses(statement);
        if (losses.empty()) return std::nullopt;
        return std::move(losses.front());
      });
}

absl::Status SqlGroupRepository::AdvanceLoss(const GroupId& group, const RoleId& role,
                                             const UserId& ended_until) {
  return transaction_.Do("groups.advance_loss", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE group_role_losses SET ended_until = :until"
                        " WHERE group_id = :group AND role_id = :role");
    statement.Bind("until", ended_until.str()).Bind("group", group.str());
    statement.Bind("role", role.str()).Run();
  });
}

absl::Status SqlGroupRepository::EndLoss(const GroupId& group, const RoleId& role) {
  return transaction_.Do("groups.end_loss", [&](soci::session& session) {
    Unlink(session, kDeleteLoss, group, role.str());
  });
}

}  // namespace tessera::storage::sql
