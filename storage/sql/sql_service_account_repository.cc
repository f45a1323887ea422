#include "storage/sql/sql_service_account_repository.h"

#include <limits>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/sql/picked_delete.h"
#include "storage/sql/raise_versions.h"
#include "storage/sql/service_account_select.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();

constexpr char kSelectSecret[] =
    "SELECT id, service_id, hash, hash_kid, created_at, expires_at FROM service_secrets ";

absl::Status AccountGone() {
  return Refusal(absl::StatusCode::kNotFound, reason::kServiceAccountNotFound,
                 "no such service account");
}
absl::Status IdentityTaken() {
  return Refusal(absl::StatusCode::kAlreadyExists, reason::kIdentityTaken,
                 "another service account has this certificate or Kubernetes name");
}

void BindAccount(Statement& statement, const ServiceAccount& account) {
  statement.Bind("id", account.id.str())
      .Bind("description", account.description)
      .Bind("state", static_cast<int64_t>(account.state))
      .Bind("version", account.version)
      .Bind("revision", account.revision)
      .Bind("public_jwks", account.public_jwks)
      .Bind("updated_at", account.updated_at);
}

void InsertList(soci::session& session, const ServiceId& id, ListKind kind,
                const std::vector<std::string>& items) {
  int64_t place = 0;
  for (const std::string& item : items) {
    Statement(session,
              "INSERT INTO service_account_lists (service_id, kind, place, content)"
              " VALUES (:id, :kind, :place, :content)")
        .Bind("id", id.str())
        .Bind("kind", int64_t{kind})
        .Bind("place", place++)
        .Bind("content", item)
        .Run();
  }
}

void InsertLists(soci::session& session, const ServiceAccount& account) {
  InsertList(session, account.id, kAudience, account.audiences);
  InsertList(session, account.id, kServedAudience, account.served_audiences);
  InsertList(session, account.id, kScope, account.scopes);
}

void InsertNamesOf(soci::session& session, const ServiceId& id, NameKind kind,
                   const std::vector<std::string>& names) {
  int64_t place = 0;
  for (const std::string& name : names) {
    Statement(session,
              "INSERT INTO service_account_names (kind, content, service_id, place)"
              " VALUES (:kind, :content, :id, :place)")
        .Bind("kind", int64_t{kind})
        .Bind("content", name)
        .Bind("id", id.str())
        .Bind("place", place++)
        .Run();
  }
}

// Runs a DELETE of the few rows that belong to one account.
void DeleteOf(soci::session& session, const char* text, const ServiceId& id) {
  Statement(session, text).Bind("id", id.str()).Run();
}

void DeleteListsAndNames(soci::session& session, const ServiceId& id) {
  DeleteOf(session, "DELETE FROM service_account_lists WHERE service_id = :id", id);
  DeleteOf(session, "DELETE FROM service_account_names WHERE service_id = :id", id);
}

void DeleteSecrets(soci::session& session, const ServiceId& id) {
  DeleteByName(session,
               {"SELECT id FROM service_secrets WHERE service_id = :service ORDER BY id"
                " LIMIT :batch",
                "DELETE FROM service_secrets WHERE service_id = :service AND id IN ",
                [&](Statement& statement) { statement.Bind("service", id.str()); }},
               kAll);
}

// What a SELECT of a secret fills.
struct SecretRow {
  std::string id;
  std::string service;
  std::string hash;
  ServiceSecret secret;

  void FillFrom(Statement& statement) {
    statement.Into(id).Into(service).Into(hash).Into(secret.hash_kid);
    statement.Into(secret.created_at).Into(secret.expires_at);
  }
  ServiceSecret Take() const {
    ServiceSecret result = secret;
    result.id = SecretId(id);
    result.service_id = ServiceId(service);
    result.hash = absl::HexStringToBytes(hash);
    return result;
  }
};

}  // namespace

absl::Status SqlServiceAccountRepository::InsertNames(const ServiceAccount& account) {
  return transaction_.Do(
      "service_accounts.insert_names",
      [&](soci::session& session) {
        InsertNamesOf(session, account.id, kCertificateName, account.certificate_names);
        InsertNamesOf(session, account.id, kKubernetesName, account.kubernetes_names);
      },
      {.primary = IdentityTaken()});
}

absl::Status SqlServiceAccountRepository::Insert(const ServiceAccount& account) {
  TESSERA_RETURN_IF_ERROR(transaction_.Do(
      "service_accounts.insert",
      [&](soci::session& session) {
        Statement statement(session,
                            "INSERT INTO service_accounts (id, name, description, state, version,"
                            " revision, public_jwks, created_at, updated_at) VALUES (:id, :name,"
                            " :description, :state, :version, :revision, :public_jwks,"
                            " :created_at, :updated_at)");
        BindAccount(statement, account);
        statement.Bind("name", account.name).Bind("created_at", account.created_at).Run();
        InsertLists(session, account);
      },
      {.duplicate = Refusal(absl::StatusCode::kAlreadyExists, reason::kServiceAccountNameTaken,
                            "another service account has this name")}));
  return InsertNames(account);
}

absl::StatusOr<std::optional<ServiceAccount>> SqlServiceAccountRepository::Find(
    const ServiceId& id) {
  return transaction_.Do("service_accounts.find", [&](soci::session& session) {
    return SelectServiceAccount(session, id.str());
  });
}

absl::StatusOr<std::optional<ServiceAccount>> SqlServiceAccountRepository::FindByName(
    int64_t kind, std::string_view name) {
  return transaction_.Do("service_accounts.find_by_name",
                         [&](soci::session& session) -> std::optional<ServiceAccount> {
                           std::string id;
                           Statement statement(session,
                                               "SELECT service_id FROM service_account_names"
                                               " WHERE kind = :kind AND content = :content");
                           statement.Bind("kind", kind).Bind("content", name);
                           if (!statement.Into(id).One()) return std::nullopt;
                           return SelectServiceAccount(session, id);
                         });
}

absl::StatusOr<std::optional<ServiceAccount>> SqlServiceAccountRepository::FindByCertificateName(
    std::string_view name) {
  return FindByName(kCertificateName, name);
}

absl::StatusOr<std::optional<ServiceAccount>> SqlServiceAccountRepository::FindByKubernetesName(
    std::string_view name) {
  return FindByName(kKubernetesName, name);
}

absl::StatusOr<std::vector<ServiceAccount>> SqlServiceAccountRepository::List(
    const ServiceId& after, int limit) {
  return transaction_.Do("service_accounts.list", [&](soci::session& session) {
    return SelectServiceAccounts(session, after, limit);
  });
}

absl::StatusOr<bool> SqlServiceAccountRepository::Update(const ServiceAccount& account,
                                                         int64_t expected_revision) {
  TESSERA_ASSIGN_OR_RETURN(
      const bool updated, transaction_.Do("service_accounts.update", [&](soci::session& session) {
        Statement statement(session,
                            "UPDATE service_accounts SET description = :description,"
                            " state = :state, version = :version, revision = :revision,"
                            " public_jwks = :public_jwks, updated_at = :updated_at"
                            " WHERE id = :id AND revision = :expected");
        BindAccount(statement, account);
        if (statement.Bind("expected", expected_revision).Run() != 1) return false;
        DeleteListsAndNames(session, account.id);
        InsertLists(session, account);
        return true;
      }));
  if (updated) TESSERA_RETURN_IF_ERROR(InsertNames(account));
  return updated;
}

absl::StatusOr<ServiceId> SqlServiceAccountRepository::RaiseVersions(const ServiceId& after,
                                                                     int64_t step, int limit) {
  return transaction_.Do("service_accounts.raise_versions", [&](soci::session& session) {
    return ServiceId(RaiseVersionsIn(session, "service_accounts", {after.str(), step, limit}));
  });
}

absl::Status SqlServiceAccountRepository::SetRoles(const ServiceId& id,
                                                   const std::vector<RoleId>& roles) {
  TESSERA_ASSIGN_OR_RETURN(
      const bool exists, transaction_.Do("service_accounts.exists", [&](soci::session& session) {
        std::string found;
        Statement statement(session, "SELECT id FROM service_accounts WHERE id = :id");
        return statement.Bind("id", id.str()).Into(found).One();
      }));
  if (!exists) return AccountGone();
  const absl::Status role_gone =
      Refusal(absl::StatusCode::kNotFound, reason::kRoleNotFound, "no such role");
  TESSERA_ASSIGN_OR_RETURN(
      const bool all_there,
      transaction_.Do(
          "service_accounts.set_roles",
          [&](soci::session& session) {
            DeleteOf(session, "DELETE FROM service_account_roles WHERE service_id = :id", id);
            bool all = true;
            for (const RoleId& role : std::set<RoleId>(roles.begin(), roles.end())) {
              Statement statement(session,
                                  "INSERT INTO service_account_roles (service_id, role_id)"
                                  " SELECT :id, r.id FROM roles AS r"
                                  " WHERE r.id = :role AND r.deleted_at IS NULL");
              statement.Bind("id", id.str()).Bind("role", role.str());
              all = statement.Run() == 1 && all;
            }
            return all;
          },
          {.orphan = role_gone}));
  return all_there ? absl::OkStatus() : role_gone;
}

absl::StatusOr<bool> SqlServiceAccountRepository::Delete(const ServiceId& id) {
  return transaction_.Do("service_accounts.delete", [&](soci::session& session) {
    // First, so that whoever adds to the account is before this, or behind it and refused.
    Statement(session, "UPDATE service_accounts SET state = 1 WHERE id = :id")
        .Bind("id", id.str())
        .Run();
    DeleteListsAndNames(session, id);
    DeleteOf(session, "DELETE FROM service_account_roles WHERE service_id = :id", id);
    DeleteSecrets(session, id);
    Statement statement(session, "DELETE FROM service_accounts WHERE id = :id");
    return statement.Bind("id", id.str()).Run() == 1;
  });
}

absl::Status SqlServiceAccountRepository::InsertSecret(const ServiceSecret& secret) {
  return transaction_.Do(
      "service_secrets.insert",
      [&](soci::session& session) {
        Statement statement(session,
                            "INSERT INTO service_secrets (id, service_id, hash, hash_kid,"
                            " created_at, expires_at) VALUES (:id, :service, :hash, :hash_kid,"
                            " :created_at, :expires_at)");
        statement.Bind("id", secret.id.str()).Bind("service", secret.service_id.str());
        statement.Bind("hash", absl::BytesToHexString(secret.hash));
        statement.Bind("hash_kid", secret.hash_kid).Bind("created_at", secret.created_at);
        statement.Bind("expires_at", secret.expires_at).Run();
      },
      {.orphan = AccountGone()});
}

absl::StatusOr<std::optional<ServiceSecret>> SqlServiceAccountRepository::FindSecret(
    const SecretId& id) {
  return transaction_.Do(
      "service_secrets.find", [&](soci::session& session) -> std::optional<ServiceSecret> {
        SecretRow row;
        Statement statement(session, absl::StrCat(kSelectSecret, "WHERE id = :id"));
        row.FillFrom(statement);
        if (!statement.Bind("id", id.str()).One()) return std::nullopt;
        return row.Take();
      });
}

absl::StatusOr<std::vector<ServiceSecret>> SqlServiceAccountRepository::ListSecrets(
    const ServiceId& id) {
  return transaction_.Do("service_secrets.list", [&](soci::session& session) {
    std::vector<ServiceSecret> secrets;
    SecretRow row;
    Statement statement(session,
                        absl::StrCat(kSelectSecret, "WHERE service_id = :service ORDER BY id"));
    row.FillFrom(statement);
    statement.Bind("service", id.str()).Each([&] { secrets.push_back(row.Take()); });
    return secrets;
  });
}

absl::StatusOr<int64_t> SqlServiceAccountRepository::EndSecrets(const ServiceId& id,
                                                                const SecretId& spared,
                                                                absl::Time end) {
  return transaction_.Do("service_secrets.end", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE service_secrets SET expires_at = :end WHERE service_id = :service"
                        " AND id <> :spared AND (expires_at IS NULL OR expires_at > :end)");
    statement.Bind("end", end).Bind("service", id.str()).Bind("spared", spared.str());
    return statement.Run();
  });
}

absl::StatusOr<int64_t> SqlServiceAccountRepository::DeleteExpiredSecrets(absl::Time before,
                                                                          int limit) {
  return transaction_.Do("service_secrets.delete_expired", [&](soci::session& session) {
    return DeleteByName(session,
                        {"SELECT id FROM service_secrets WHERE expires_at < :before"
                         " ORDER BY expires_at, id LIMIT :batch",
                         "DELETE FROM service_secrets WHERE expires_at < :before AND id IN ",
                         [&](Statement& statement) { statement.Bind("before", before); }},
                        limit);
  });
}

absl::StatusOr<bool> SqlServiceAccountRepository::ConsumeAssertion(std::string_view assertion_hash,
                                                                   std::string_view use,
                                                                   absl::Time expires_at) {
  const absl::Status inserted = transaction_.Do(
      "used_assertions.insert",
      [&](soci::session& session) {
        Statement statement(session,
                            "INSERT INTO used_assertions (assertion_hash, used_by, expires_at)"
                            " VALUES (:hash, :use, :expires_at)");
        statement.Bind("hash", assertion_hash)
            .Bind("use", use)
            .Bind("expires_at", expires_at)
            .Run();
      },
      {.primary = absl::AlreadyExistsError("used already")});
  if (inserted.ok()) return true;
  if (!absl::IsAlreadyExists(inserted)) return inserted;
  return transaction_.Do("used_assertions.find", [&](soci::session& session) {
    std::string used_by;
    Statement statement(session,
                        "SELECT used_by FROM used_assertions WHERE assertion_hash = :hash");
    return statement.Bind("hash", assertion_hash).Into(used_by).One() && used_by == use;
  });
}

absl::StatusOr<int64_t> SqlServiceAccountRepository::DeleteExpiredAssertions(absl::Time before,
                                                                             int limit) {
  return transaction_.Do("used_assertions.delete_expired", [&](soci::session& session) {
    return DeleteByName(
        session,
        {"SELECT assertion_hash FROM used_assertions WHERE expires_at < :before"
         " ORDER BY expires_at, assertion_hash LIMIT :batch",
         "DELETE FROM used_assertions WHERE expires_at < :before AND assertion_hash IN ",
         [&](Statement& statement) { statement.Bind("before", before); }},
        limit);
  });
}

}  // namespace tessera::storage::sql
