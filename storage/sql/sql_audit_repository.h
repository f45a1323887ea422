// The audit trail in SQL.
#ifndef TESSERA_STORAGE_SQL_SQL_AUDIT_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_AUDIT_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "storage/audit_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlAuditRepository final : public AuditRepository {
 public:
  explicit SqlAuditRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::StatusOr<std::optional<AuditChain>> TakeChain(std::string_view replica_id) override;
  absl::Status InsertChain(const AuditChain& chain) override;
  absl::Status UpdateChain(const AuditChain& chain) override;
  absl::Status DeleteChain(std::string_view replica_id) override;
  absl::StatusOr<std::optional<AuditChain>> FindChain(std::string_view replica_id) override;
  absl::StatusOr<std::vector<AuditChain>> ListChains(std::string_view after, int limit) override;
  absl::Status Append(const std::vector<AuditEvent>& events) override;
  absl::StatusOr<std::vector<AuditEvent>> ListChain(std::string_view replica_id, int64_t after,
                                                    int limit) override;
  absl::Status DeleteThrough(std::string_view replica_id, int64_t last) override;
  absl::StatusOr<std::string> NextWithEvents(std::string_view after) override;
  absl::StatusOr<std::vector<AuditEvent>> List(const AuditFilter& filter, const AuditPosition& from,
                                               int limit) override;
  absl::StatusOr<AuditRegister> TakeRegister() override;
  absl::StatusOr<AuditRegister> ReadRegister() override;
  absl::Status UpdateRegister(const AuditRegister& content) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_AUDIT_REPOSITORY_H_
