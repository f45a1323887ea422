// The one writing connection to an SQLite file, as the transaction that GroupCommit fills.
#ifndef TESSERA_STORAGE_SQL_SQLITE_WRITER_H_
#define TESSERA_STORAGE_SQL_SQLITE_WRITER_H_

#include <optional>

#include "storage/sql/connection_pool.h"
#include "storage/sql/group_commit.h"
#include "storage/sql/sqlite_file.h"

namespace tessera::storage::sql {

class SqliteWriter final : public BatchTransaction {
 public:
  // The longest wait for a lock that somebody outside this process holds (a backup, a shell).
  static constexpr absl::Duration kMaxLockWait = absl::Seconds(5);

  // `pool` holds the writing connection and nothing else. All references must outlive the writer.
  SqliteWriter(ConnectionPool& pool, const SqliteFile& file, const Engine& engine,
               const Clock& clock, LogSink& log)
      : pool_(pool), file_(file), engine_(engine), clock_(clock), log_(log) {}

  absl::Status Begin(absl::Time deadline) override;
  absl::Status Run(Store::Work work) override;
  bool Intact() override { return intact_; }
  absl::Status Commit() override;
  void Rollback() override;

 private:
  absl::Status Execute(const char* text);

  ConnectionPool& pool_;
  const SqliteFile& file_;
  const Engine& engine_;
  const Clock& clock_;
  LogSink& log_;
  std::optional<ConnectionPool::Lease> lease_;  // while a transaction is open
  bool intact_ = true;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQLITE_WRITER_H_
