// Service accounts, what they may ask for, and their secrets, in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_SERVICE_ACCOUNT_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_SERVICE_ACCOUNT_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "storage/service_account_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlServiceAccountRepository final : public ServiceAccountRepository {
 public:
  explicit SqlServiceAccountRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Insert(const ServiceAccount& account) override;
  absl::StatusOr<std::optional<ServiceAccount>> Find(const ServiceId& id) override;
  absl::StatusOr<std::optional<ServiceAccount>> FindByCertificateName(
      std::string_view name) override;
  absl::StatusOr<std::optional<ServiceAccount>> FindByKubernetesName(
      std::string_view name) override;
  absl::StatusOr<std::vector<ServiceAccount>> List(const ServiceId& after, int limit) override;
  absl::StatusOr<bool> Update(const ServiceAccount& account, int64_t expected_revision) override;
  absl::StatusOr<ServiceId> RaiseVersions(const ServiceId& after, int64_t step, int limit) override;
  absl::Status SetRoles(const ServiceId& id, const std::vector<RoleId>& roles) override;
  absl::StatusOr<bool> Delete(const ServiceId& id) override;

  absl::Status InsertSecret(const ServiceSecret& secret) override;
  absl::StatusOr<std::optional<ServiceSecret>> FindSecret(const SecretId& id) override;
  absl::StatusOr<std::vector<ServiceSecret>> ListSecrets(const ServiceId& id) override;
  absl::StatusOr<int64_t> EndSecrets(const ServiceId& id, const SecretId& spared,
                                     absl::Time end) override;
  absl::StatusOr<int64_t> DeleteExpiredSecrets(absl::Time before, int limit) override;

  absl::StatusOr<bool> ConsumeAssertion(std::string_view assertion_hash, std::string_view use,
                                        absl::Time expires_at) override;
  absl::StatusOr<int64_t> DeleteExpiredAssertions(absl::Time before, int limit) override;

 private:
  // The account that has `name` among its names of `kind`.
  absl::StatusOr<std::optional<ServiceAccount>> FindByName(int64_t kind, std::string_view name);
  absl::Status InsertNames(const ServiceAccount& account);

  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_SERVICE_ACCOUNT_REPOSITORY_H_
