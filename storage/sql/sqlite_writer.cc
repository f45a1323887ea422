#include "storage/sql/sqlite_writer.h"

#include <algorithm>
#include <string>

#include "storage/sql/sql_repositories.h"
#include "storage/sql/statement.h"
#include "storage/sql/transaction.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {

absl::Status SqliteWriter::Begin(absl::Time deadline) {
  if (!file_.StillThere()) {
    log_.Error("storage.failed", {{"engine", std::string(engine_.Name())},
                                  {"statement", "begin"},
                                  {"cause", "the file is gone from its path"}});
    return Unavailable();
  }
  TESSERA_ASSIGN_OR_RETURN(ConnectionPool::Lease lease, pool_.Acquire(deadline));
  const absl::Duration wait = std::min(deadline - clock_.Now(), kMaxLockWait);
  Transaction begin(lease.session(), engine_, log_);
  TESSERA_RETURN_IF_ERROR(begin.Do(
      "begin", [&](soci::session& session) { engine_.Begin(session, Access::kWrite, wait); }));
  lease_.emplace(std::move(lease));
  intact_ = true;
  return absl::OkStatus();
}

absl::Status SqliteWriter::Execute(const char* text) {
  return Transaction(lease_->session(), engine_, log_).Do(text, [&](soci::session& session) {
    Statement(session, text).Run();
  });
}

absl::Status SqliteWriter::Run(Store::Work work) {
  absl::Status status = Execute("SAVEPOINT work");
  if (status.ok()) status = RunWork(lease_->session(), engine_, log_, work).status;
  // A full disk, for one, makes SQLite end the whole transaction: what came then would have been
  // committed statement by statement.
  intact_ = intact_ && engine_.InTransaction(lease_->session());
  if (!intact_) return status.ok() ? Unavailable() : status;
  if (!status.ok()) intact_ = Execute("ROLLBACK TO work").ok();
  const absl::Status released = intact_ ? Execute("RELEASE work") : Unavailable();
  intact_ = released.ok();
  return status.ok() ? released : status;
}

absl::Status SqliteWriter::Commit() {
  Transaction commit(lease_->session(), engine_, log_);
  absl::Status status =
      commit.Do("commit", [&](soci::session& session) { engine_.Commit(session); });
  Rollback();
  return status;
}

// Giving the connection back rolls back what is still open.
void SqliteWriter::Rollback() { lease_.reset(); }

}  // namespace tessera::storage::sql
