// Service accounts and their secrets at rest.
#ifndef TESSERA_STORAGE_SERVICE_ACCOUNT_REPOSITORY_H_
#define TESSERA_STORAGE_SERVICE_ACCOUNT_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class ServiceAccountRepository {
 public:
  virtual ~ServiceAccountRepository() = default;

  // Without the roles, which SetRoles writes. ALREADY_EXISTS SERVICE_ACCOUNT_NAME_TAKEN,
  // IDENTITY_TAKEN.
  virtual absl::Status Insert(const ServiceAccount& account) = 0;
  // With the roles, by name.
  virtual absl::StatusOr<std::optional<ServiceAccount>> Find(const ServiceId& id) = 0;
  virtual absl::StatusOr<std::optional<ServiceAccount>> FindByCertificateName(
      std::string_view name) = 0;
  virtual absl::StatusOr<std::optional<ServiceAccount>> FindByKubernetesName(
      std::string_view name) = 0;
  // In the order of their ids, beginning behind `after` (empty: from the start), at most `limit`.
  virtual absl::StatusOr<std::vector<ServiceAccount>> List(const ServiceId& after, int limit) = 0;
  // Writes all but id, name, roles and created_at, if the stored revision is still
  // `expected_revision`; false if it is not, or the account is gone. ALREADY_EXISTS IDENTITY_TAKEN.
  virtual absl::StatusOr<bool> Update(const ServiceAccount& account, int64_t expected_revision) = 0;
  // Raises version by `step`, and revision by one, of the next `limit` accounts behind `after`
  // (empty: from the start), by id. The last one's id; empty: there was none.
  virtual absl::StatusOr<ServiceId> RaiseVersions(const ServiceId& after, int64_t step,
                                                  int limit) = 0;
  // Replaces the roles. NOT_FOUND ROLE_NOT_FOUND, SERVICE_ACCOUNT_NOT_FOUND.
  virtual absl::Status SetRoles(const ServiceId& id, const std::vector<RoleId>& roles) = 0;
  // False if there is no such account. Its roles and secrets go too.
  virtual absl::StatusOr<bool> Delete(const ServiceId& id) = 0;

  virtual absl::Status InsertSecret(const ServiceSecret& secret) = 0;
  virtual absl::StatusOr<std::optional<ServiceSecret>> FindSecret(const SecretId& id) = 0;
  // In the order of their ids.
  virtual absl::StatusOr<std::vector<ServiceSecret>> ListSecrets(const ServiceId& id) = 0;
  // Lets the account's secrets other than `spared` end at `end`, unless they end before; how many.
  virtual absl::StatusOr<int64_t> EndSecrets(const ServiceId& id, const SecretId& spared,
                                             absl::Time end) = 0;
  // Removes at most `limit` secrets that expired before `before`; how many.
  virtual absl::StatusOr<int64_t> DeleteExpiredSecrets(absl::Time before, int limit) = 0;

  // Marks an assertion (RFC 7523) as used. `use` names this use: true if the assertion was not used
  // before, or by this very use (a write that is run again). Both are text of at most
  // 64 bytes.
  virtual absl::StatusOr<bool> ConsumeAssertion(std::string_view assertion_hash,
                                                std::string_view use, absl::Time expires_at) = 0;
  // Forgets at most `limit` assertions that expired before `before`; how many.
  virtual absl::StatusOr<int64_t> DeleteExpiredAssertions(absl::Time before, int limit) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_SERVICE_ACCOUNT_REPOSITORY_H_
