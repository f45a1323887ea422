#include "storage/sql/sql_request_repository.h"

#include <string>

#include "storage/sql/picked_delete.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {

absl::StatusOr<std::optional<AnsweredRequest>> SqlRequestRepository::Find(
    const std::string& request_hash) {
  return transaction_.Do(
      "requests.find", [&](soci::session& session) -> std::optional<AnsweredRequest> {
        AnsweredRequest found;
        found.request_hash = request_hash;
        Statement statement(session,
                            "SELECT fingerprint, answer, expires_at FROM answered_requests"
                            " WHERE request_hash = :hash");
        statement.Bind("hash", request_hash);
        statement.Into(found.fingerprint).Into(found.answer).Into(found.expires_at);
        if (!statement.One()) return std::nullopt;
        return found;
      });
}

// The insert comes first: it is what waits for another that keeps the same request.
absl::StatusOr<std::optional<AnsweredRequest>> SqlRequestRepository::Keep(
    const AnsweredRequest& request, absl::Time now) {
  const absl::Status kept = transaction_.Do(
      "requests.keep",
      [&](soci::session& session) {
        Statement(session,
                  "DELETE FROM answered_requests WHERE request_hash = :hash"
                  " AND expires_at <= :now")
            .Bind("hash", request.request_hash)
            .Bind("now", now)
            .Run();
        Statement(session,
                  "INSERT INTO answered_requests (request_hash, fingerprint, answer, expires_at)"
                  " VALUES (:hash, :fingerprint, :answer, :expires_at)")
            .Bind("hash", request.request_hash)
            .Bind("fingerprint", request.fingerprint)
            .Bind("answer", request.answer)
            .Bind("expires_at", request.expires_at)
            .Run();
      },
      {.primary = absl::AlreadyExistsError("the request was answered")});
  if (kept.ok()) return std::nullopt;
  if (!absl::IsAlreadyExists(kept)) return kept;
  TESSERA_ASSIGN_OR_RETURN(std::optional<AnsweredRequest> earlier, Find(request.request_hash));
  if (!earlier.has_value()) return absl::InternalError("an answered request is gone");
  return earlier;
}

absl::StatusOr<int64_t> SqlRequestRepository::DeleteExpired(absl::Time before, int limit) {
  return transaction_.Do("requests.delete_expired", [&](soci::session& session) {
    return DeleteByName(
        session,
        {"SELECT request_hash FROM answered_requests WHERE expires_at < :before"
         " ORDER BY expires_at, request_hash LIMIT :batch",
         "DELETE FROM answered_requests WHERE expires_at < :before AND request_hash IN ",
         [&](Statement& statement) { statement.Bind("before", before); }},
        limit);
  });
}

}  // namespace tessera::storage::sql
