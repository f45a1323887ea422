#include "storage/sql/mysql_store.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/sql/migrations.h"
#include "storage/sql/mysql_connection.h"
#include "storage/sql/mysql_engine.h"
#include "storage/sql/mysql_pool.h"
#include "storage/sql/rerun.h"
#include "storage/sql/schema.h"
#include "storage/sql/sql_repositories.h"
#include "storage/sql/transaction.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage {
namespace {

using sql::Access;
using sql::Attempt;
using sql::Failure;
using sql::MysqlPool;

constexpr int kPrepareTries = 3;
constexpr char kTimeQuery[] = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";

absl::Status OutcomeUnknown() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kOutcomeUnknown,
                          "the database went away while it committed", absl::Seconds(1));
}

bool IsBroken(Failure failure) { return failure == Failure::kLost || failure == Failure::kAway; }

class MysqlStore final : public Store {
 public:
  MysqlStore(MysqlOptions options, const Clock& clock, LogSink& log)
      : options_(std::move(options)),
        clock_(clock),
        log_(log),
        pool_(static_cast<size_t>(std::clamp(options_.connections, 1, kMaxMysqlConnections)),
              [this] { return sql::ConnectMysql(options_); }, {engine_, clock, log}) {}

  absl::Status Read(absl::Time deadline, Work work) override {
    return sql::Rerun(clock_, deadline, [&] { return ReadOnce(deadline, work, true); });
  }

  absl::Status ReadEach(absl::Time deadline, Work work) override {
    return sql::Rerun(clock_, deadline, [&] { return ReadOnce(deadline, work, false); });
  }

  absl::Status Write(Repeat repeat, absl::Time deadline, Work work) override {
    bool unknown = false;  // a COMMIT without an answer lies behind
    const absl::Status status =
        sql::Rerun(clock_, deadline, [&] { return WriteOnce(repeat, deadline, work, unknown); });
    const bool settled = status.ok() || ReasonOf(status) != reason::kStorageUnavailable;
    return unknown && !settled ? OutcomeUnknown() : status;
  }

  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    absl::Time time;
    TESSERA_RETURN_IF_ERROR(sql::Rerun(clock_, deadline, [&]() -> Attempt {
      auto lease = pool_.Acquire(deadline, Access::kRead);
      if (!lease.ok()) return {lease.status()};
      sql::Transaction query((*lease)->session(), engine_, log_);
      absl::Status status = query.Do("time", [&](soci::session& session) {
        sql::Statement(session, kTimeQuery).Into(time).One();
      });
      return Judge(**lease, std::move(status), query.failure());
    }));
    return time;
  }

 private:
  Attempt ReadOnce(absl::Time deadline, Work work, bool one_view) {
    auto lease = pool_.Acquire(deadline, Access::kRead);
    if (!lease.ok()) return {lease.status()};
    return Run(**lease, Access::kRead, one_view, work);
  }

  Attempt WriteOnce(Repeat repeat, absl::Time deadline, Work work, bool& unknown) {
    auto lease = pool_.Acquire(deadline, Access::kWrite);
    if (!lease.ok()) return {lease.status()};
    Attempt attempt = Run(**lease, Access::kWrite, true, work);
    if (!attempt.status.ok()) return attempt;
    sql::Transaction commit((*lease)->session(), engine_, log_);
    absl::Status status =
        commit.Do("commit", [&](soci::session& session) { engine_.Commit(session); });
    if (status.ok()) return {absl::OkStatus()};
    // Only a transaction that the server says it has undone is surely undone.
    const bool undone = commit.failure() == Failure::kBusy;
    unknown = unknown || !undone;
    if (!undone) (*lease)->Discard();
    return {undone ? std::move(status) : sql::Unavailable(),
            undone || repeat == Repeat::kIdempotent};
  }

  // Runs the work, in a transaction or each statement by itself.
  Attempt Run(MysqlPool::Lease& lease, Access access, bool in_transaction, Work work) {
    sql::Transaction begin(lease.session(), engine_, log_);
    absl::Status begun = begin.Do("begin", [&](soci::session& session) {
      if (lease.access() != access) sql::MysqlEngine::SetFor(session, access);
      lease.set_access(access);
      if (in_transaction) engine_.Begin(session, access, sql::kMysqlLockWait);
    });
    if (!begun.ok()) return Judge(lease, std::move(begun), begin.failure());
    sql::WorkOutcome outcome = sql::RunWork(lease.session(), engine_, log_, work);
    return Judge(lease, std::move(outcome.status), outcome.failure);
  }

  // Before COMMIT nothing is lost by running again: not where the database has refused to serve.
  static Attempt Judge(MysqlPool::Lease& lease, absl::Status status,
                       std::optional<Failure> failure) {
    if (!failure.has_value()) return {std::move(status)};
    if (IsBroken(*failure)) lease.Discard();
    return {std::move(status), *failure == Failure::kBusy || *failure == Failure::kLost};
  }

  const sql::MysqlEngine engine_;
  const MysqlOptions options_;
  const Clock& clock_;
  LogSink& log_;
  MysqlPool pool_;
};

absl::Status CheckOptions(const MysqlOptions& options) {
  if (options.host.empty() || options.user.empty() || options.database.empty()) {
    return absl::FailedPreconditionError("the database's host, user and name are required");
  }
  for (const std::string* text : {&options.host, &options.user, &options.database}) {
    if (text->find('\0') == std::string::npos) continue;
    return absl::FailedPreconditionError("the database's host, user or name holds a NUL");
  }
  return absl::OkStatus();
}

int64_t Setting(soci::session& session, const char* name) {
  int64_t value = 0;
  sql::Statement(session, absl::StrCat("SELECT @@GLOBAL.", name)).Into(value).One();
  return value;
}

// What an acknowledged write rests on. A recovery undoes what a binary log, if there is one, has
// not got.
absl::Status CheckDurability(soci::session& session, const MysqlOptions& options) {
  if (options.relaxed_durability) return absl::OkStatus();
  const int64_t flush = Setting(session, "innodb_flush_log_at_trx_commit");
  const int64_t log = Setting(session, "log_bin");
  const int64_t sync = Setting(session, "sync_binlog");
  if (flush == 1 && (log == 0 || sync == 1)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "an acknowledged write could be lost: the database has innodb_flush_log_at_trx_commit = ",
      flush, ", log_bin = ", log, ", sync_binlog = ", sync,
      "; expected 1, and with a binary log sync_binlog = 1"));
}

absl::Status Prepare(const MysqlOptions& options, const Clock& clock, LogSink& log) {
  const sql::MysqlEngine engine;
  const auto session = sql::ConnectMysql(options);
  TESSERA_RETURN_IF_ERROR(CheckDurability(*session, options));
  const sql::Steps steps = sql::AllSteps(engine);
  return options.migrate ? sql::Migrate(*session, engine, steps, {}, clock, log)
                         : sql::CheckSchema(*session, engine, steps, clock, log);
}

// Again where the server undid a step or broke off.
absl::Status PrepareWithPatience(const MysqlOptions& options, const Clock& clock, LogSink& log) {
  absl::Status status = Prepare(options, clock, log);
  for (int more = kPrepareTries - 1; more > 0 && absl::IsUnavailable(status); --more) {
    status = Prepare(options, clock, log);
  }
  return status;
}

// Opening is the operator's business, who may see the server's words.
absl::Status OpenError(const soci::soci_error& error, const MysqlOptions& options) {
  const std::string text =
      absl::StrCat("cannot open the database ", options.database, " at ", options.host, ":",
                   options.port, ": ", sql::MysqlEngine().Cause(error));
  return sql::IsUnreachable(error) ? absl::UnavailableError(text)
                                   : absl::FailedPreconditionError(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenMysqlStore(MysqlOptions options, const Clock& clock,
                                                      LogSink& log) {
  TESSERA_RETURN_IF_ERROR(CheckOptions(options));
  try {
    TESSERA_RETURN_IF_ERROR(PrepareWithPatience(options, clock, log));
  } catch (const soci::soci_error& e) {
    return OpenError(e, options);
  } catch (...) {
    return absl::InternalError("the database failed");
  }
  return std::make_unique<MysqlStore>(std::move(options), clock, log);
}

}  // namespace tessera::storage
