#include "storage/sql/sql_throttle_repository.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/sql/picked_delete.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

constexpr size_t kIdBytes = 16;
constexpr size_t kMaxIds = 16;

// `(:k0, :k1, ...)`
std::string Marks(size_t count) {
  std::string marks = "(";
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&marks, i == 0 ? ":k" : ", :k", i);
  return marks + ")";
}

void BindIds(Statement& statement, const std::vector<std::string>& ids) {
  for (size_t i = 0; i < ids.size(); ++i) {
    statement.Bind(absl::StrCat("k", i).c_str(), absl::BytesToHexString(ids[i]));
  }
}

bool UpdateCounter(soci::session& session, const ThrottleCounter& seen,
                   const ThrottleCounter& next) {
  Statement statement(session,
                      "UPDATE throttle SET attempts = :attempts, blocked_until = :blocked_until,"
                      " expires_at = :expires_at WHERE id = :id AND attempts = :seen_attempts"
                      " AND blocked_until = :seen_until AND expires_at = :seen_end");
  statement.Bind("attempts", next.attempts).Bind("blocked_until", next.blocked_until);
  statement.Bind("expires_at", next.expires_at).Bind("id", absl::BytesToHexString(next.id));
  statement.Bind("seen_attempts", seen.attempts).Bind("seen_until", seen.blocked_until);
  return statement.Bind("seen_end", seen.expires_at).Run() == 1;
}

void InsertCounter(soci::session& session, const ThrottleCounter& counter) {
  Statement(session,
            "INSERT INTO throttle (id, attempts, blocked_until, expires_at)"
            " VALUES (:id, :attempts, :blocked_until, :expires_at)")
      .Bind("id", absl::BytesToHexString(counter.id))
      .Bind("attempts", counter.attempts)
      .Bind("blocked_until", counter.blocked_until)
      .Bind("expires_at", counter.expires_at)
      .Run();
}

}  // namespace

absl::StatusOr<std::vector<ThrottleCounter>> SqlThrottleRepository::Find(
    const std::vector<std::string>& ids) {
  if (ids.size() > kMaxIds) return absl::InternalError("too many counters at once");
  if (ids.empty()) return std::vector<ThrottleCounter>();
  return transaction_.Do("throttle.find", [&](soci::session& session) {
    std::vector<ThrottleCounter> counters;
    ThrottleCounter row;
    std::string id;
    Statement statement(
        session, "SELECT id, attempts, blocked_until, expires_at FROM throttle WHERE id IN " +
                     Marks(ids.size()) + " ORDER BY id");
    BindIds(statement, ids);
    statement.Into(id).Into(row.attempts).Into(row.blocked_until).Into(row.expires_at);
    statement.Each([&] {
      row.id = absl::HexStringToBytes(id);
      counters.push_back(row);
    });
    return counters;
  });
}

// The write that changes nothing locks the rows, on the engines where several write at once.
absl::StatusOr<std::vector<ThrottleCounter>> SqlThrottleRepository::Take(
    const std::vector<std::string>& ids) {
  if (ids.size() > kMaxIds) return absl::InternalError("too many counters at once");
  if (ids.empty()) return std::vector<ThrottleCounter>();
  TESSERA_RETURN_IF_ERROR(transaction_.Do("throttle.take", [&](soci::session& session) {
    Statement take(session,
                   "UPDATE throttle SET attempts = attempts WHERE id IN " + Marks(ids.size()));
    BindIds(take, ids);
    take.Run();
  }));
  return Find(ids);
}

absl::StatusOr<bool> SqlThrottleRepository::Swap(const std::optional<ThrottleCounter>& seen,
                                                 const ThrottleCounter& next) {
  if (next.id.size() != kIdBytes) return absl::InternalError("a counter's id must have 16 bytes");
  if (seen.has_value()) {
    return transaction_.Do("throttle.swap", [&](soci::session& session) {
      return UpdateCounter(session, *seen, next);
    });
  }
  const absl::Status inserted = transaction_.Do(
      "throttle.insert", [&](soci::session& session) { InsertCounter(session, next); },
      {.primary = absl::AlreadyExistsError("somebody was faster")});
  if (absl::IsAlreadyExists(inserted)) return false;
  TESSERA_RETURN_IF_ERROR(inserted);
  return true;
}

// MySQL assigns from left to right, each with what was assigned before it.
absl::Status SqlThrottleRepository::GiveBack(const std::string& id, int64_t attempts,
                                             absl::Time at) {
  return transaction_.Do("throttle.give_back", [&](soci::session& session) {
    Statement(session,
              "UPDATE throttle SET blocked_until ="
              " CASE WHEN attempts = :attempts THEN :at ELSE blocked_until END,"
              " attempts = attempts - 1 WHERE id = :id AND attempts > 0")
        .Bind("attempts", attempts)
        .Bind("at", at)
        .Bind("id", absl::BytesToHexString(id))
        .Run();
  });
}

absl::Status SqlThrottleRepository::Erase(const std::string& id) {
  return transaction_.Do("throttle.erase", [&](soci::session& session) {
    Statement(session, "DELETE FROM throttle WHERE id = :id")
        .Bind("id", absl::BytesToHexString(id))
        .Run();
  });
}

absl::StatusOr<int64_t> SqlThrottleRepository::DeleteExpired(absl::Time before, int limit) {
  return transaction_.Do("throttle.delete_expired", [&](soci::session& session) {
    return DeleteByName(
        session,
        {"SELECT id FROM throttle WHERE expires_at < :before ORDER BY expires_at, id"
         " LIMIT :batch",
         "DELETE FROM throttle WHERE expires_at < :before AND id IN ",
         [&](Statement& statement) { statement.Bind("before", before); }},
        limit);
  });
}

}  // namespace tessera::storage::sql
