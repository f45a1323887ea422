#include "storage/sql/sql_session_repository.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "storage/sql/group_names.h"
#include "storage/sql/picked_delete.h"
#include "tessera/base/reason.h"

namespace tessera::storage::sql {
namespace {

// The column `ends_at`: whichever comes first.
absl::Time EndOf(const Session& session) {
  const absl::Time end = std::min(session.idle_expires_at, session.expires_at);
  return std::min(end, session.revoked_at.value_or(absl::InfiniteFuture()));
}

// Above every id.
constexpr char kNewest[] = "~";

// The columns of the bindings are younger than the table: NULL in the rows that were there before.
constexpr char kColumns[] =
    "SELECT s.id, s.user_id, s.user_version, s.generation, s.mac_kid, s.audience, s.created_at,"
    " s.auth_time, s.rotated_at, s.access_until, s.idle_expires_at, s.expires_at, s.revoked_at,"
    " COALESCE(s.scopes, ''), COALESCE(s.amr, ''), COALESCE(s.acr, ''),"
    " COALESCE(s.device_hash, ''), COALESCE(s.device_label, ''), COALESCE(s.certificate, ''),"
    " COALESCE(s.address, ''), COALESCE(s.claims, ''), s.include_groups, s.last_used_at";
constexpr char kFromSessions[] = " FROM sessions AS s ";
// A session for each audience of each role of its user's.
constexpr char kStanding[] =
    ", u.state, u.version, COALESCE(u.attributes, ''), r.name, a.audience FROM sessions AS s"
    " INNER JOIN users AS u ON u.id = s.user_id"
    " LEFT JOIN (SELECT d.role_id FROM sessions AS x"
    " INNER JOIN user_roles AS d ON d.user_id = x.user_id WHERE x.id = :id"
    " UNION SELECT h.role_id FROM sessions AS x"
    " INNER JOIN group_members AS m ON m.user_id = x.user_id"
    " INNER JOIN group_roles AS h ON h.group_id = m.group_id WHERE x.id = :id) AS g ON 1 = 1"
    " LEFT JOIN roles AS r ON r.id = g.role_id AND r.deleted_at IS NULL"
    " LEFT JOIN role_audiences AS a ON a.role_id = r.id"
    " WHERE s.id = :id ORDER BY r.name, a.place";

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, ' ', absl::SkipEmpty());
}

// What a SELECT of a session fills.
struct SessionRow {
  std::string id;
  std::string user;
  std::string scopes;
  std::string amr;
  int64_t include_groups = 0;
  Session session;

  void FillFrom(Statement& statement) {
    Session& row = session;
    statement.Into(id).Into(user).Into(row.user_version).Into(row.generation).Into(row.mac_kid);
    statement.Into(row.audience).Into(row.created_at).Into(row.auth_time).Into(row.rotated_at);
    statement.Into(row.access_until).Into(row.idle_expires_at).Into(row.expires_at);
    statement.Into(row.revoked_at).Into(scopes).Into(amr).Into(row.acr).Into(row.device_hash);
    statement.Into(row.device_label).Into(row.certificate).Into(row.address).Into(row.claims);
    statement.Into(include_groups).Into(row.last_used_at);
  }
  Session Take() const {
    Session result = session;
    result.id = SessionId(id);
    result.user_id = UserId(user);
    result.scopes = Words(scopes);
    result.amr = Words(amr);
    result.include_groups = include_groups != 0;
    return result;
  }
};

// What a SELECT of a session's standing fills.
struct StandingRow {
  SessionRow session;
  int64_t state = 0;
  SessionStanding standing;
  std::optional<std::string> role;
  std::optional<std::string> audience;

  void FillFrom(Statement& statement) {
    session.FillFrom(statement);
    statement.Into(state).Into(standing.user_version).Into(standing.attributes);
    statement.Into(role).Into(audience);
  }
  SessionStanding Take() const {
    SessionStanding result = standing;
    result.session = session.Take();
    // A state that this program does not know admits nobody.
    result.user_state = state == 0 ? UserState::kActive : UserState::kDisabled;
    return result;
  }
  // Rows of one role follow each other.
  void AddRole(std::vector<Role>& roles) const {
    if (!role.has_value()) return;
    if (roles.empty() || roles.back().name != *role) roles.emplace_back().name = *role;
    if (audience.has_value()) roles.back().audiences.push_back(*audience);
  }
};

void BindSession(Statement& statement, const Session& row) {
  statement.Bind("id", row.id.str()).Bind("user", row.user_id.str());
  statement.Bind("user_version", row.user_version).Bind("generation", row.generation);
  statement.Bind("mac_kid", row.mac_kid).Bind("audience", row.audience);
  statement.Bind("created_at", row.created_at).Bind("auth_time", row.auth_time);
  statement.Bind("rotated_at", row.rotated_at).Bind("access_until", row.access_until);
  statement.Bind("idle_expires_at", row.idle_expires_at).Bind("expires_at", row.expires_at);
  statement.Bind("revoked_at", row.revoked_at).Bind("ends_at", EndOf(row));
  statement.Bind("scopes", absl::StrJoin(row.scopes, " "));
  statement.Bind("amr", absl::StrJoin(row.amr, " ")).Bind("acr", row.acr);
  statement.Bind("device_hash", row.device_hash).Bind("device_label", row.device_label);
  statement.Bind("certificate", row.certificate).Bind("address", row.address);
  statement.Bind("claims", row.claims).Bind("last_used_at", row.last_used_at);
  statement.Bind("include_groups", int64_t{row.include_groups ? 1 : 0});
}

}  // namespace

absl::Status SqlSessionRepository::Insert(const Session& row) {
  return transaction_.Do(
      "sessions.insert",
      [&](soci::session& session) {
        Statement statement(
            session,
            "INSERT INTO sessions (id, user_id, user_version, generation, mac_kid, audience,"
            " created_at, auth_time, rotated_at, access_until, idle_expires_at, expires_at,"
            " revoked_at, ends_at, scopes, amr, acr, device_hash, device_label, certificate,"
            " address, claims, last_used_at, include_groups) VALUES (:id, :user, :user_version, "
            ":generation, "
            ":mac_kid,"
            " :audience, :created_at, :auth_time, :rotated_at, :access_until, :idle_expires_at,"
            " :expires_at, :revoked_at, :ends_at, :scopes, :amr, :acr, :device_hash,"
            " :device_label, :certificate, :address, :claims, :last_used_at,"
            " :include_groups)");
        BindSession(statement, row);
        statement.Run();
      },
      {.orphan = Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user")});
}

absl::StatusOr<std::optional<Session>> SqlSessionRepository::Find(const SessionId& id) {
  return transaction_.Do("sessions.find", [&](soci::session& session) -> std::optional<Session> {
    SessionRow row;
    Statement statement(session, absl::StrCat(kColumns, kFromSessions, "WHERE s.id = :id"));
    statement.Bind("id", id.str());
    row.FillFrom(statement);
    if (!statement.One()) return std::nullopt;
    return row.Take();
  });
}

absl::StatusOr<std::optional<SessionStanding>> SqlSessionRepository::FindStanding(
    const SessionId& id) {
  return transaction_.Do("sessions.find_standing", [&](soci::session& session) {
    std::optional<SessionStanding> found;
    StandingRow row;
    Statement statement(session, absl::StrCat(kColumns, kStanding));
    statement.Bind("id", id.str());
    row.FillFrom(statement);
    statement.Each([&] {
      if (!found.has_value()) found = row.Take();
      row.AddRole(found->roles);
    });
    if (found.has_value() && found->session.include_groups) {
      found->groups = GroupNamesOf(session, found->session.user_id);
    }
    return found;
  });
}

absl::StatusOr<std::vector<Session>> SqlSessionRepository::ListLive(const UserId& user,
                                                                    absl::Time now,
                                                                    const SessionId& before,
                                                                    int limit) {
  return transaction_.Do("sessions.list_live", [&](soci::session& session) {
    std::vector<Session> sessions;
    SessionRow row;
    Statement statement(session, absl::StrCat(kColumns, kFromSessions,
                                              "WHERE s.user_id = :user AND s.id < :before"
                                              " AND s.revoked_at IS NULL AND s.ends_at > :now"
                                              " ORDER BY s.id DESC LIMIT :limit"));
    row.FillFrom(statement);
    statement.Bind("user", user.str()).Bind("now", now).Bind("limit", int64_t{limit});
    statement.Bind("before", before.empty() ? std::string(kNewest) : before.str());
    statement.Each([&] { sessions.push_back(row.Take()); });
    return sessions;
  });
}

absl::StatusOr<bool> SqlSessionRepository::Rotate(const SessionRotation& rotation) {
  return transaction_.Do("sessions.rotate", [&](soci::session& session) {
    Statement statement(
        session,
        "UPDATE sessions SET generation = :from + 1, mac_kid = :mac_kid, rotated_at = :rotated_at,"
        " access_until = CASE WHEN access_until < :access THEN :access ELSE access_until END,"
        " idle_expires_at = :idle, address = :address,"
        " ends_at = CASE WHEN expires_at < :idle THEN expires_at ELSE :idle END"
        " WHERE id = :id AND generation = :from AND revoked_at IS NULL");
    statement.Bind("from", rotation.from_generation).Bind("mac_kid", rotation.mac_kid);
    statement.Bind("rotated_at", rotation.rotated_at).Bind("access", rotation.access_until);
    statement.Bind("idle", rotation.idle_expires_at).Bind("id", rotation.id.str());
    statement.Bind("address", rotation.address);
    return statement.Run() == 1;
  });
}

// MySQL sees in a SET what the ones before it have set, SQLite does not: none here depends on that.
absl::StatusOr<bool> SqlSessionRepository::ExtendAccess(const AccessExtension& extension) {
  return transaction_.Do("sessions.extend_access", [&](soci::session& session) {
    Statement statement(
        session,
        "UPDATE sessions SET"
        " access_until = CASE WHEN access_until < :until THEN :until ELSE access_until END,"
        " idle_expires_at = COALESCE(:idle, idle_expires_at),"
        " last_used_at = COALESCE(:used, last_used_at),"
        " ends_at = CASE WHEN :idle IS NULL THEN ends_at"
        " WHEN expires_at < :idle THEN expires_at ELSE :idle END"
        " WHERE id = :id AND generation = :generation AND revoked_at IS NULL");
    statement.Bind("until", extension.access_until).Bind("idle", extension.idle_expires_at);
    statement.Bind("used", extension.used_at);
    statement.Bind("id", extension.id.str()).Bind("generation", extension.generation);
    return statement.Run() == 1;
  });
}

absl::StatusOr<bool> SqlSessionRepository::Revoke(const SessionId& id, absl::Time now) {
  return transaction_.Do("sessions.revoke", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE sessions SET revoked_at = :now,"
                        " ends_at = CASE WHEN ends_at < :now THEN ends_at ELSE :now END"
                        " WHERE id = :id AND revoked_at IS NULL");
    return statement.Bind("now", now).Bind("id", id.str()).Run() == 1;
  });
}

absl::StatusOr<int64_t> SqlSessionRepository::RevokeAllOf(const UserId& user, absl::Time now) {
  return transaction_.Do("sessions.revoke_all_of", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE sessions SET revoked_at = :now,"
                        " ends_at = CASE WHEN ends_at < :now THEN ends_at ELSE :now END"
                        " WHERE user_id = :user AND revoked_at IS NULL");
    return statement.Bind("now", now).Bind("user", user.str()).Run();
  });
}

// What is revoked has ended, and is out of the range that the next look reads.
absl::StatusOr<int64_t> SqlSessionRepository::RevokeEverybodys(absl::Time now, int limit) {
  return transaction_.Do("sessions.revoke_everybodys", [&](soci::session& session) {
    return ChangeByName(session,
                        {"SELECT id FROM sessions WHERE ends_at > :now AND revoked_at IS NULL"
                         " ORDER BY ends_at, id LIMIT :batch",
                         "UPDATE sessions SET revoked_at = :now,"
                         " ends_at = CASE WHEN ends_at < :now THEN ends_at ELSE :now END"
                         " WHERE revoked_at IS NULL AND id IN ",
                         [&](Statement& statement) { statement.Bind("now", now); }},
                        limit);
  });
}

absl::StatusOr<bool> SqlSessionRepository::AnyLiveBegunBefore(absl::Time began, absl::Time now) {
  return transaction_.Do("sessions.any_live_begun_before", [&](soci::session& session) {
    std::string id;
    Statement statement(session,
                        "SELECT id FROM sessions WHERE ends_at > :now AND created_at <= :began"
                        " LIMIT 1");
    return statement.Bind("now", now).Bind("began", began).Into(id).One();
  });
}

absl::StatusOr<int64_t> SqlSessionRepository::DeleteEnded(absl::Time before, int limit) {
  return transaction_.Do("sessions.delete_ended", [&](soci::session& session) {
    return DeleteByName(
        session,
        {"SELECT id FROM sessions WHERE ends_at < :before ORDER BY ends_at, id LIMIT :batch",
         "DELETE FROM sessions WHERE ends_at < :before AND id IN ",
         [&](Statement& statement) { statement.Bind("before", before); }},
        limit);
  });
}

}  // namespace tessera::storage::sql
