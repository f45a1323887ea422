#include "storage/sql/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "storage/sql/connection_pool.h"
#include "storage/sql/group_commit.h"
#include "storage/sql/migrations.h"
#include "storage/sql/schema.h"
#include "storage/sql/sql_repositories.h"
#include "storage/sql/sqlite_engine.h"
#include "storage/sql/sqlite_file.h"
#include "storage/sql/sqlite_writer.h"
#include "storage/sql/transaction.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage {
namespace {

using sql::Access;

// Readers wait for nobody in WAL mode, but for the moment in which the log is recovered or reset.
constexpr absl::Duration kReadLockWait = absl::Seconds(2);

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<sql::SqliteFile> file, size_t readers, const Clock& clock,
              LogSink& log)
      : file_(std::move(file)),
        clock_(clock),
        log_(log),
        writer_pool_(1, Opener(Access::kWrite), engine_, clock, log),
        readers_(readers, Opener(Access::kRead), engine_, clock, log),
        writer_(writer_pool_, *file_, engine_, clock, log),
        group_(writer_, clock) {}

  // Brings the schema up to date, or says why this store cannot be served.
  absl::Status Prepare() {
    try {
      auto session = sql::SqliteEngine::Connect(file_->path(), Access::kWrite);
      TESSERA_RETURN_IF_ERROR(CheckOurs(*session));
      // SQLite's DDL is transactional: all steps or none, and one wait for the disk.
      engine_.Begin(*session, Access::kWrite, sql::SqliteWriter::kMaxLockWait);
      sql::MigrationOptions options;
      options.sole_owner = true;
      TESSERA_RETURN_IF_ERROR(
          sql::Migrate(*session, engine_, sql::AllSteps(engine_), options, clock_, log_));
      engine_.Commit(*session);
      return absl::OkStatus();
    } catch (const soci::soci_error& e) {
      return OpenError(e);
    } catch (...) {
      return sql::StatusOf(std::current_exception(), "open", engine_, log_);
    }
  }

  absl::Status Read(absl::Time deadline, Work work) override {
    if (clock_.Now() >= deadline) return sql::Unavailable();
    TESSERA_ASSIGN_OR_RETURN(sql::ConnectionPool::Lease lease, readers_.Acquire(deadline));
    const absl::Duration wait = std::min(deadline - clock_.Now(), kReadLockWait);
    sql::Transaction begin(lease.session(), engine_, log_);
    TESSERA_RETURN_IF_ERROR(begin.Do(
        "begin", [&](soci::session& session) { engine_.Begin(session, Access::kRead, wait); }));
    return sql::RunWork(lease.session(), engine_, log_, work).status;
  }

  absl::Status Write(Repeat, absl::Time deadline, Work work) override {
    return group_.Run(deadline, work);
  }

  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time) override {
    return std::nullopt;
  }

 private:
  sql::ConnectionPool::Open Opener(Access access) const {
    return [path = file_->path(), access] { return sql::SqliteEngine::Connect(path, access); };
  }

  static absl::Status CheckOurs(soci::session& session) {
    int64_t tables = 0;
    int64_t ours = 0;
    sql::Statement(session, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'")
        .Into(tables)
        .One();
    sql::Statement(session,
                   "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'"
                   " AND name = 'schema_state'")
        .Into(ours)
        .One();
    if (tables == 0 || ours == 1) return absl::OkStatus();
    return absl::FailedPreconditionError("the database file belongs to another program");
  }

  // Opening is the operator's business, who may see the engine's words.
  absl::Status OpenError(const soci::soci_error& error) const {
    const std::string text = "cannot open " + file_->path() + ": " + engine_.Cause(error);
    return engine_.Classify(error) == sql::Failure::kAway ? absl::UnavailableError(text)
                                                          : absl::FailedPreconditionError(text);
  }

  // The order matters: connections close before the file is let go.
  const sql::SqliteEngine engine_;
  const std::unique_ptr<sql::SqliteFile> file_;
  const Clock& clock_;
  LogSink& log_;
  sql::ConnectionPool writer_pool_;
  sql::ConnectionPool readers_;
  sql::SqliteWriter writer_;
  sql::GroupCommit group_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options,
                                                       const Clock& clock, LogSink& log) {
  TESSERA_ASSIGN_OR_RETURN(std::unique_ptr<sql::SqliteFile> file,
                           sql::SqliteFile::Claim(options.path));
  const auto readers = static_cast<size_t>(std::clamp(options.readers, 1, kMaxSqliteReaders));
  auto store = std::make_unique<SqliteStore>(std::move(file), readers, clock, log);
  TESSERA_RETURN_IF_ERROR(store->Prepare());
  return store;
}

}  // namespace tessera::storage
