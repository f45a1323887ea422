#include "storage/sql/sql_user_repository.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/sql/hash_costs.h"
#include "storage/sql/picked_delete.h"
#include "storage/sql/raise_versions.h"
#include "storage/sql/sql_second_factor_repository.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
constexpr char kSelect[] =
    "SELECT id, username, display_name, state, version, revision, password_hash, created_at,"
    " updated_at, last_login_at, COALESCE(attributes, ''),"
    " COALESCE(email, ''), COALESCE(email_key, ''),"
    " (SELECT COUNT(*) FROM second_factors AS f WHERE f.user_id = users.id AND f.confirmed = 1)"
    " FROM users ";

absl::Status UsernameTaken() {
  return Refusal(absl::StatusCode::kAlreadyExists, reason::kUsernameTaken,
                 "another user has this name");
}

absl::Status EmailTaken() {
  return Refusal(absl::StatusCode::kAlreadyExists, reason::kEmailTaken,
                 "another user has this email address");
}

// Greater than anything that follows a prefix in a name: no name holds it.
constexpr char kLastCharacter[] = "\xf4\x8f\xbf\xbf";

// What a SELECT of a user fills.
struct UserRow {
  std::string id;
  int64_t state = 0;
  int64_t factors = 0;
  User user;

  void FillFrom(Statement& statement) {
    statement.Into(id).Into(user.username).Into(user.display_name).Into(state);
    statement.Into(user.version).Into(user.revision).Into(user.password_hash);
    statement.Into(user.created_at).Into(user.updated_at).Into(user.last_login_at);
    statement.Into(user.attributes).Into(user.email).Into(user.email_key).Into(factors);
  }
  User Take() const {
    User result = user;
    result.id = UserId(id);
    result.totp_enrolled = factors != 0;
    // A state that this program does not know admits nobody.
    result.state = state == 0 ? UserState::kActive : UserState::kDisabled;
    return result;
  }
};

std::optional<User> One(Statement& statement) {
  UserRow row;
  row.FillFrom(statement);
  if (!statement.One()) return std::nullopt;
  return row.Take();
}

void BindUser(Statement& statement, const User& user) {
  statement.Bind("id", user.id.str())
      .Bind("username", user.username)
      .Bind("display_name", user.display_name)
      .Bind("state", static_cast<int64_t>(user.state))
      .Bind("version", user.version)
      .Bind("revision", user.revision)
      .Bind("updated_at", user.updated_at)
      .Bind("attributes", user.attributes)
      .Bind("email", user.email)
      .Bind("email_key", user.email_key);
}

// The table of its own says which of the two was taken, and takes no empty ones.
void InsertEmail(soci::session& session, const User& user) {
  if (user.email_key.empty()) return;
  Statement(session, "INSERT INTO user_emails (email_key, user_id) VALUES (:email, :user)")
      .Bind("email", user.email_key)
      .Bind("user", user.id.str())
      .Run();
}

// Empty: none.
std::string EmailKeyOf(soci::session& session, const UserId& id) {
  std::string key;
  Statement look(session, "SELECT email_key FROM user_emails WHERE user_id = :user");
  look.Bind("user", id.str()).Into(key).One();
  return key;
}

void DeleteEmail(soci::session& session, const UserId& id) {
  Statement(session, "DELETE FROM user_emails WHERE user_id = :user").Bind("user", id.str()).Run();
}

// What the filter asks for, as SQL; each condition begins with AND.
std::string Conditions(const UserFilter& filter) {
  std::string text;
  if (!filter.username_prefix.empty()) {
    text += " AND username >= :prefix AND username < :prefix_end";
  }
  if (filter.state.has_value()) text += " AND state = :state";
  if (filter.role.has_value()) {
    text +=
        " AND id IN (SELECT user_id FROM user_roles WHERE role_id = :role"
        " UNION SELECT m.user_id FROM group_roles AS h"
        " INNER JOIN group_members AS m ON m.group_id = h.group_id WHERE h.role_id = :role)";
  }
  if (filter.group.has_value()) {
    text += " AND id IN (SELECT user_id FROM group_members WHERE group_id = :group)";
  }
  return text;
}

void BindFilter(Statement& statement, const UserFilter& filter) {
  if (!filter.username_prefix.empty()) {
    statement.Bind("prefix", filter.username_prefix);
    statement.Bind("prefix_end", filter.username_prefix + kLastCharacter);
  }
  if (filter.state.has_value()) statement.Bind("state", static_cast<int64_t>(*filter.state));
  if (filter.role.has_value()) statement.Bind("role", filter.role->str());
  if (filter.group.has_value()) statement.Bind("group", filter.group->str());
}

// Behind the row's lock, so that it is compared with what is stored now. Only another hash is
// noted: writers of a cost's row wait for each other.
absl::Status WriteHash(Transaction& transaction, const User& user) {
  TESSERA_ASSIGN_OR_RETURN(
      const bool changed, transaction.Do("users.write_hash", [&](soci::session& session) {
        Statement statement(session,
                            "UPDATE users SET password_hash = :password_hash,"
                            " hash_cost = :hash_cost"
                            " WHERE id = :id AND password_hash <> :password_hash");
        statement.Bind("id", user.id.str()).Bind("password_hash", user.password_hash);
        statement.Bind("hash_cost", HashCostOf(user.password_hash));
        return statement.Run() == 1;
      }));
  return changed ? NoteHashCost(transaction, user.password_hash) : absl::OkStatus();
}

void DeleteGrants(soci::session& session, const UserId& id) {
  DeleteByName(session,
               {"SELECT role_id FROM user_roles WHERE user_id = :user ORDER BY role_id"
                " LIMIT :batch",
                "DELETE FROM user_roles WHERE user_id = :user AND role_id IN ",
                [&](Statement& statement) { statement.Bind("user", id.str()); }},
               kAll);
}

void DeleteMemberships(soci::session& session, const UserId& id) {
  DeleteByName(session,
               {"SELECT group_id FROM group_members WHERE user_id = :user ORDER BY group_id"
                " LIMIT :batch",
                "DELETE FROM group_members WHERE user_id = :user AND group_id IN ",
                [&](Statement& statement) { statement.Bind("user", id.str()); }},
               kAll);
}

void DeleteSessions(soci::session& session, const UserId& id) {
  DeleteByName(session,
               {"SELECT id FROM sessions WHERE user_id = :user ORDER BY id LIMIT :batch",
                "DELETE FROM sessions WHERE user_id = :user AND id IN ",
                [&](Statement& statement) { statement.Bind("user", id.str()); }},
               kAll);
}

void DeleteReset(soci::session& session, const UserId& id) {
  Statement(session, "DELETE FROM password_resets WHERE user_id = :user")
      .Bind("user", id.str())
      .Run();
}

}  // namespace

absl::Status SqlUserRepository::Insert(const User& user) {
  TESSERA_RETURN_IF_ERROR(transaction_.Do(
      "users.insert",
      [&](soci::session& session) {
        Statement statement(
            session,
            "INSERT INTO users (id, username, display_name, state, version, revision,"
            " password_hash, hash_cost, created_at, updated_at, last_login_at, attributes, email,"
            " email_key) VALUES (:id, :username, :display_name, :state, :version, :revision,"
            " :password_hash, :hash_cost, :created_at, :updated_at, :last_login_at, :attributes,"
            " :email, :email_key)");
        BindUser(statement, user);
        statement.Bind("password_hash", user.password_hash);
        statement.Bind("hash_cost", HashCostOf(user.password_hash));
        statement.Bind("created_at", user.created_at);
        statement.Bind("last_login_at", user.last_login_at).Run();
      },
      {.duplicate = UsernameTaken()}));
  TESSERA_RETURN_IF_ERROR(NoteHashCost(transaction_, user.password_hash));
  return transaction_.Do("users.insert_email",
                         [&](soci::session& session) { InsertEmail(session, user); },
                         {.primary = EmailTaken()});
}

absl::StatusOr<std::optional<User>> SqlUserRepository::Find(const UserId& id) {
  return transaction_.Do("users.find", [&](soci::session& session) {
    Statement statement(session, absl::StrCat(kSelect, "WHERE id = :id"));
    statement.Bind("id", id.str());
    return One(statement);
  });
}

absl::StatusOr<std::optional<User>> SqlUserRepository::FindByName(std::string_view username) {
  return transaction_.Do("users.find_by_name", [&](soci::session& session) {
    Statement statement(session, absl::StrCat(kSelect, "WHERE username = :username"));
    statement.Bind("username", username);
    return One(statement);
  });
}

absl::StatusOr<std::optional<User>> SqlUserRepository::FindByEmail(std::string_view email_key) {
  return transaction_.Do("users.find_by_email", [&](soci::session& session) {
    Statement statement(session, absl::StrCat(kSelect,
                                              "WHERE id = (SELECT e.user_id FROM user_emails AS e"
                                              " WHERE e.email_key = :email)"));
    statement.Bind("email", email_key);
    return One(statement);
  });
}

absl::StatusOr<std::vector<User>> SqlUserRepository::List(const UserFilter& filter,
                                                          const UserId& after, int limit) {
  return transaction_.Do("users.list", [&](soci::session& session) {
    std::vector<User> users;
    UserRow row;
    Statement statement(session, absl::StrCat(kSelect, "WHERE id > :after", Conditions(filter),
                                              " ORDER BY id LIMIT :limit"));
    row.FillFrom(statement);
    statement.Bind("after", after.str()).Bind("limit", int64_t{limit});
    BindFilter(statement, filter);
    statement.Each([&] { users.push_back(row.Take()); });
    return users;
  });
}

absl::StatusOr<bool> SqlUserRepository::UpdateRow(const User& user, int64_t expected_revision) {
  return transaction_.Do(
      "users.update",
      [&](soci::session& session) {
        Statement statement(
            session,
            "UPDATE users SET username = :username, display_name = :display_name, state = :state,"
            " version = :version, revision = :revision, updated_at = :updated_at,"
            " attributes = :attributes, email = :email, email_key = :email_key"
            " WHERE id = :id AND revision = :expected");
        BindUser(statement, user);
        return statement.Bind("expected", expected_revision).Run() == 1;
      },
      {.duplicate = UsernameTaken()});
}

absl::StatusOr<bool> SqlUserRepository::Update(const User& user, int64_t expected_revision) {
  TESSERA_ASSIGN_OR_RETURN(const bool updated, UpdateRow(user, expected_revision));
  if (!updated) return false;
  TESSERA_RETURN_IF_ERROR(WriteHash(transaction_, user));
  TESSERA_RETURN_IF_ERROR(transaction_.Do("users.update_email",
                                          [&](soci::session& session) {
                                            if (EmailKeyOf(session, user.id) == user.email_key)
                                              return;
                                            DeleteEmail(session, user.id);
                                            InsertEmail(session, user);
                                          },
                                          {.primary = EmailTaken()}));
  return true;
}

absl::StatusOr<bool> SqlUserRepository::RecordLogin(const UserId& id, int64_t version,
                                                    absl::Time now) {
  return transaction_.Do("users.record_login", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE users SET last_login_at = :now WHERE id = :id"
                        " AND version = :version AND state = 0");
    return statement.Bind("now", now).Bind("id", id.str()).Bind("version", version).Run() == 1;
  });
}

absl::StatusOr<bool> SqlUserRepository::ReplaceHash(const UserId& id, int64_t version,
                                                    std::string_view password_hash) {
  const auto replaced = transaction_.Do("users.replace_hash", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE users SET password_hash = :password_hash, hash_cost = :hash_cost"
                        " WHERE id = :id AND version = :version");
    statement.Bind("password_hash", password_hash).Bind("id", id.str());
    statement.Bind("hash_cost", HashCostOf(password_hash));
    return statement.Bind("version", version).Run() == 1;
  });
  if (!replaced.ok() || !*replaced) return replaced;
  TESSERA_RETURN_IF_ERROR(NoteHashCost(transaction_, password_hash));
  return true;
}

absl::StatusOr<UserId> SqlUserRepository::RaiseVersions(const UserId& after, int64_t step,
                                                        int limit) {
  return transaction_.Do("users.raise_versions", [&](soci::session& session) {
    return UserId(RaiseVersionsIn(session, "users", {after.str(), step, limit}));
  });
}

absl::StatusOr<bool> SqlUserRepository::Delete(const UserId& id) {
  return transaction_.Do("users.delete", [&](soci::session& session) {
    // First, so that a login is before this and its session goes too, or behind it and refused.
    Statement(session, "UPDATE users SET state = 1 WHERE id = :id").Bind("id", id.str()).Run();
    DeleteGrants(session, id);
    DeleteMemberships(session, id);
    DeleteSessions(session, id);
    DeleteEmail(session, id);
    DeleteReset(session, id);
    DeleteSecondFactor(session, id);
    return Statement(session, "DELETE FROM users WHERE id = :id").Bind("id", id.str()).Run() == 1;
  });
}

}  // namespace tessera::storage::sql
