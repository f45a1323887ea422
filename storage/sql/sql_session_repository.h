// Sessions in SQL: one row each, changed by compare-and-swap.
#ifndef TESSERA_STORAGE_SQL_SQL_SESSION_REPOSITORY_H_
#define TESSERA_STORAGE_SQL_SQL_SESSION_REPOSITORY_H_

#include <optional>
#include <vector>

#include "storage/session_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

class SqlSessionRepository final : public SessionRepository {
 public:
  explicit SqlSessionRepository(Transaction& transaction) : transaction_(transaction) {}

  absl::Status Insert(const Session& session) override;
  absl::StatusOr<std::optional<Session>> Find(const SessionId& id) override;
  absl::StatusOr<std::optional<SessionStanding>> FindStanding(const SessionId& id) override;
  absl::StatusOr<bool> Rotate(const SessionRotation& rotation) override;
  absl::StatusOr<bool> ExtendAccess(const AccessExtension& extension) override;
  absl::StatusOr<std::vector<Session>> ListLive(const UserId& user, absl::Time now,
                                                const SessionId& before, int limit) override;
  absl::StatusOr<bool> Revoke(const SessionId& id, absl::Time now) override;
  absl::StatusOr<int64_t> RevokeAllOf(const UserId& user, absl::Time now) override;
  absl::StatusOr<int64_t> RevokeEverybodys(absl::Time now, int limit) override;
  absl::StatusOr<bool> AnyLiveBegunBefore(absl::Time began, absl::Time now) override;
  absl::StatusOr<int64_t> DeleteEnded(absl::Time before, int limit) override;

 private:
  Transaction& transaction_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQL_SESSION_REPOSITORY_H_
