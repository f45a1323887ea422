#include "storage/sql/sql_replica_repository.h"

#include <optional>
#include <string>

#include "storage/sql/picked_delete.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

struct Lease {
  std::string holder;
  absl::Time ends_at;
};

bool UpdateReport(soci::session& session, const ReplicaReport& report) {
  Statement statement(session,
                      "UPDATE replicas SET reported_at = :reported_at,"
                      " key_set_version = :key_set_version,"
                      " guards_key_set_version = :guards_key_set_version WHERE id = :id");
  statement.Bind("reported_at", report.reported_at).Bind("id", report.id);
  statement.Bind("key_set_version", report.key_set_version);
  return statement.Bind("guards_key_set_version", report.guards_key_set_version).Run() == 1;
}

void InsertReport(soci::session& session, const ReplicaReport& report) {
  Statement statement(session,
                      "INSERT INTO replicas (id, reported_at, key_set_version,"
                      " guards_key_set_version) VALUES (:id, :reported_at, :key_set_version,"
                      " :guards_key_set_version)");
  statement.Bind("id", report.id).Bind("reported_at", report.reported_at);
  statement.Bind("key_set_version", report.key_set_version);
  statement.Bind("guards_key_set_version", report.guards_key_set_version).Run();
}

std::optional<Lease> ReadLease(soci::session& session, std::string_view name) {
  Lease lease;
  Statement statement(session, "SELECT holder, ends_at FROM leases WHERE name = :name");
  statement.Bind("name", name).Into(lease.holder).Into(lease.ends_at);
  if (!statement.One()) return std::nullopt;
  return lease;
}

bool MayTake(const Lease& lease, std::string_view holder, absl::Time now) {
  return lease.holder == holder || lease.ends_at <= now || lease.ends_at > now + kLongestLease;
}

// False if somebody else was faster.
bool SwapLease(soci::session& session, std::string_view name, const Lease& seen,
               const Lease& next) {
  Statement statement(session,
                      "UPDATE leases SET holder = :holder, ends_at = :ends_at WHERE name = :name"
                      " AND holder = :seen_holder AND ends_at = :seen_end");
  statement.Bind("holder", next.holder).Bind("ends_at", next.ends_at).Bind("name", name);
  return statement.Bind("seen_holder", seen.holder).Bind("seen_end", seen.ends_at).Run() == 1;
}

void InsertLease(soci::session& session, std::string_view name, const Lease& lease) {
  Statement statement(session,
                      "INSERT INTO leases (name, holder, ends_at)"
                      " VALUES (:name, :holder, :ends_at)");
  statement.Bind("name", name).Bind("holder", lease.holder).Bind("ends_at", lease.ends_at).Run();
}

}  // namespace

absl::Status SqlReplicaRepository::Report(const ReplicaReport& report) {
  const auto update = [&](soci::session& session) { return UpdateReport(session, report); };
  TESSERA_ASSIGN_OR_RETURN(const bool updated, transaction_.Do("replicas.update", update));
  if (updated) return absl::OkStatus();
  const absl::Status inserted = transaction_.Do(
      "replicas.insert", [&](soci::session& session) { InsertReport(session, report); },
      {.primary = absl::AlreadyExistsError("reported at the same time")});
  if (!absl::IsAlreadyExists(inserted)) return inserted;
  return transaction_.Do("replicas.update", update).status();
}

absl::StatusOr<std::vector<ReplicaReport>> SqlReplicaRepository::ListSince(absl::Time since) {
  return transaction_.Do("replicas.list_since", [&](soci::session& session) {
    std::vector<ReplicaReport> reports;
    ReplicaReport row;
    Statement statement(session,
                        "SELECT id, reported_at, key_set_version, guards_key_set_version"
                        " FROM replicas WHERE reported_at >= :since ORDER BY id");
    statement.Bind("since", since).Into(row.id).Into(row.reported_at);
    statement.Into(row.key_set_version).Into(row.guards_key_set_version);
    statement.Each([&] { reports.push_back(row); });
    return reports;
  });
}

absl::StatusOr<int64_t> SqlReplicaRepository::DeleteOld(absl::Time before, int limit) {
  return transaction_.Do("replicas.delete_old", [&](soci::session& session) {
    return DeleteByName(
        session,
        {"SELECT id FROM replicas WHERE reported_at < :before ORDER BY reported_at, id"
         " LIMIT :batch",
         "DELETE FROM replicas WHERE reported_at < :before AND id IN ",
         [&](Statement& statement) { statement.Bind("before", before); }},
        limit);
  });
}

absl::Status SqlReplicaRepository::Leave(std::string_view id) {
  return transaction_.Do("replicas.leave", [&](soci::session& session) {
    Statement(session, "DELETE FROM replicas WHERE id = :id").Bind("id", id).Run();
  });
}

// A look first: whoever only finds that another holds it neither writes nor waits for a row.
absl::StatusOr<bool> SqlReplicaRepository::TakeLease(std::string_view name, std::string_view holder,
                                                     absl::Time now, absl::Time until) {
  if (until > now + kLongestLease) return absl::InternalError("a lease for too long");
  const Lease next{std::string(holder), until};
  TESSERA_ASSIGN_OR_RETURN(
      const std::optional<Lease> seen,
      transaction_.Do("leases.read", [&](soci::session& s) { return ReadLease(s, name); }));
  if (seen.has_value()) {
    if (!MayTake(*seen, holder, now)) return false;
    return transaction_.Do("leases.swap", [&](soci::session& session) {
      return SwapLease(session, name, *seen, next);
    });
  }
  const absl::Status inserted = transaction_.Do(
      "leases.insert", [&](soci::session& session) { InsertLease(session, name, next); },
      {.primary = absl::AlreadyExistsError("somebody was faster")});
  if (absl::IsAlreadyExists(inserted)) return false;
  TESSERA_RETURN_IF_ERROR(inserted);
  return true;
}

absl::Status SqlReplicaRepository::DropLease(std::string_view name, std::string_view holder) {
  return transaction_.Do("leases.drop", [&](soci::session& session) {
    Statement(session, "DELETE FROM leases WHERE name = :name AND holder = :holder")
        .Bind("name", name)
        .Bind("holder", holder)
        .Run();
  });
}

}  // namespace tessera::storage::sql
