#include "storage/sql/sql_revocation_repository.h"

#include <string>

#include "absl/strings/escaping.h"
#include "storage/sql/picked_delete.h"

namespace tessera::storage::sql {
namespace {

constexpr size_t kIdHashBytes = 16;

int64_t ReadHead(soci::session& session) {
  int64_t seq = 0;
  Statement(session, "SELECT seq FROM feed WHERE id = 1").Into(seq).One();
  return seq;
}

// Takes the next `count` numbers, and with them the feed's row until COMMIT; the first of them.
int64_t TakeNumbers(soci::session& session, int64_t count) {
  Statement(session, "UPDATE feed SET seq = seq + :count WHERE id = 1").Bind("count", count).Run();
  return ReadHead(session) - count + 1;
}

void InsertEntry(soci::session& session, int64_t seq, const Revocation& entry) {
  Statement(session,
            "INSERT INTO revocations (seq, kind, id_hash, min_user_version, expires_at)"
            " VALUES (:seq, :kind, :id_hash, :min_user_version, :expires_at)")
      .Bind("seq", seq)
      .Bind("kind", static_cast<int64_t>(entry.kind))
      .Bind("id_hash", absl::BytesToHexString(entry.id_hash))
      .Bind("min_user_version", entry.min_user_version)
      .Bind("expires_at", entry.expires_at)
      .Run();
}

}  // namespace

absl::Status SqlRevocationRepository::Append(std::vector<Revocation> entries) {
  for (const Revocation& entry : entries) {
    if (entry.id_hash.size() != kIdHashBytes) {
      return absl::InternalError("a revocation's id_hash must have 16 bytes");
    }
  }
  if (entries.empty()) return absl::OkStatus();
  return transaction_.Do("revocations.append", [&](soci::session& session) {
    int64_t seq = TakeNumbers(session, static_cast<int64_t>(entries.size()));
    for (const Revocation& entry : entries) InsertEntry(session, seq++, entry);
  });
}

absl::StatusOr<int64_t> SqlRevocationRepository::Head() {
  return transaction_.Do("revocations.head", ReadHead);
}

absl::StatusOr<std::vector<Revocation>> SqlRevocationRepository::ListAfter(int64_t seq, int limit) {
  return transaction_.Do("revocations.list_after", [&](soci::session& session) {
    std::vector<Revocation> entries;
    Revocation row;
    int64_t kind = 0;
    std::string id_hash;
    Statement statement(session,
                        "SELECT seq, kind, id_hash, min_user_version, expires_at FROM revocations"
                        " WHERE seq > :seq ORDER BY seq LIMIT :limit");
    statement.Bind("seq", seq).Bind("limit", int64_t{limit});
    statement.Into(row.seq).Into(kind).Into(id_hash).Into(row.min_user_version);
    statement.Into(row.expires_at).Each([&] {
      row.kind = static_cast<RevocationKind>(kind);
      row.id_hash = absl::HexStringToBytes(id_hash);
      entries.push_back(row);
    });
    return entries;
  });
}

absl::StatusOr<int64_t> SqlRevocationRepository::DeleteExpired(absl::Time before, int limit) {
  return transaction_.Do("revocations.delete_expired", [&](soci::session& session) {
    return DeleteByNumber(
        session,
        {"SELECT seq FROM revocations WHERE expires_at < :before ORDER BY expires_at, seq"
         " LIMIT :batch",
         "DELETE FROM revocations WHERE expires_at < :before AND seq IN ",
         [&](Statement& statement) { statement.Bind("before", before); }},
        limit);
  });
}

absl::StatusOr<std::optional<absl::Time>> SqlRevocationRepository::PruningTime() {
  return transaction_.Do("revocations.pruning_time", [](soci::session& session) {
    std::optional<absl::Time> pruned;
    Statement(session, "SELECT pruned_at FROM pruning WHERE id = 1").Into(pruned).One();
    return pruned;
  });
}

absl::Status SqlRevocationRepository::RaisePruningTime(absl::Time to) {
  return transaction_.Do("revocations.raise_pruning_time", [&](soci::session& session) {
    Statement(session,
              "UPDATE pruning SET pruned_at = :to"
              " WHERE id = 1 AND (pruned_at IS NULL OR pruned_at < :to)")
        .Bind("to", to)
        .Run();
  });
}

}  // namespace tessera::storage::sql
