#include "storage/sql/sql_user_repository.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/sql/picked_delete.h"
#include "storage/sql/raise_versions.h"
#include "tessera/base/reason.h"

namespace tessera::storage::sql {
namespace {

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
constexpr char kSelect[] =
    "SELECT id, username, display_name, state, version, revision, password_hash, created_at,"
    " updated_at, last_login_at, COALESCE(attributes, '') FROM users ";

absl::Status UsernameTaken() {
  return Refusal(absl::StatusCode::kAlreadyExists, reason::kUsernameTaken,
                 "another user has this name");
}

// What a SELECT of a user fills.
struct UserRow {
  std::string id;
  int64_t state = 0;
  User user;

  void FillFrom(Statement& statement) {
    statement.Into(id).Into(user.username).Into(user.display_name).Into(state);
    statement.Into(user.version).Into(user.revision).Into(user.password_hash);
    statement.Into(user.created_at).Into(user.updated_at).Into(user.last_login_at);
    statement.Into(user.attributes);
  }
  User Take() const {
    User result = user;
    result.id = UserId(id);
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
      .Bind("password_hash", user.password_hash)
      .Bind("updated_at", user.updated_at)
      .Bind("attributes", user.attributes);
}

void DeleteGrants(soci::session& session, const UserId& id) {
  DeleteByName(session,
               {"SELECT role_id FROM user_roles WHERE user_id = :user ORDER BY role_id"
                " LIMIT :batch",
                "DELETE FROM user_roles WHERE user_id = :user AND role_id IN ",
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

}  // namespace

absl::Status SqlUserRepository::Insert(const User& user) {
  return transaction_.Do(
      "users.insert",
      [&](soci::session& session) {
        Statement statement(
            session,
            "INSERT INTO users (id, username, display_name, state, version, revision,"
            " password_hash, created_at, updated_at, last_login_at, attributes) VALUES (:id,"
            " :username, :display_name, :state, :version, :revision, :password_hash, :created_at,"
            " :updated_at, :last_login_at, :attributes)");
        BindUser(statement, user);
        statement.Bind("created_at", user.created_at);
        statement.Bind("last_login_at", user.last_login_at).Run();
      },
      {.duplicate = UsernameTaken()});
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

absl::StatusOr<std::vector<User>> SqlUserRepository::List(const UserId& after, int limit) {
  return transaction_.Do("users.list", [&](soci::session& session) {
    std::vector<User> users;
    UserRow row;
    Statement statement(session,
                        absl::StrCat(kSelect, "WHERE id > :after ORDER BY id LIMIT :limit"));
    row.FillFrom(statement);
    statement.Bind("after", after.str()).Bind("limit", int64_t{limit});
    statement.Each([&] { users.push_back(row.Take()); });
    return users;
  });
}

absl::StatusOr<bool> SqlUserRepository::Update(const User& user, int64_t expected_revision) {
  return transaction_.Do(
      "users.update",
      [&](soci::session& session) {
        Statement statement(
            session,
            "UPDATE users SET username = :username, display_name = :display_name, state = :state,"
            " version = :version, revision = :revision, password_hash = :password_hash,"
            " updated_at = :updated_at, attributes = :attributes WHERE id = :id"
            " AND revision = :expected");
        BindUser(statement, user);
        return statement.Bind("expected", expected_revision).Run() == 1;
      },
      {.duplicate = UsernameTaken()});
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
  return transaction_.Do("users.replace_hash", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE users SET password_hash = :password_hash WHERE id = :id"
                        " AND version = :version");
    statement.Bind("password_hash", password_hash).Bind("id", id.str());
    return statement.Bind("version", version).Run() == 1;
  });
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
    DeleteSessions(session, id);
    return Statement(session, "DELETE FROM users WHERE id = :id").Bind("id", id.str()).Run() == 1;
  });
}

}  // namespace tessera::storage::sql
