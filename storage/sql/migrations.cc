#include "storage/sql/migrations.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/sql/statement.h"
#include "storage/sql/transaction.h"
#include "tessera/base/mutex.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

constexpr absl::Duration kLeasePoll = absl::Milliseconds(200);

struct SchemaState {
  int64_t version = 0;
  int64_t min_compatible = 0;
  std::string holder;
  absl::Time heartbeat;
};

// Statements run outside a transaction: DDL commits by itself on MySQL.
class Migrator {
 public:
  Migrator(soci::session& session, const Engine& engine, const MigrationOptions& options,
           const Clock& clock, LogSink& log)
      : session_(session), engine_(engine), options_(options), clock_(clock), log_(log) {}

  absl::Status Run(const Steps& steps) {
    const auto known = static_cast<int64_t>(steps.size());
    TESSERA_ASSIGN_OR_RETURN(SchemaState state, ReadState());
    if (state.version >= known) return CheckServable(state, known);
    TESSERA_RETURN_IF_ERROR(MakeStateTable());
    TESSERA_ASSIGN_OR_RETURN(state, TakeLease(known));
    if (state.version >= known) {
      TESSERA_RETURN_IF_ERROR(ReleaseLease());
      return CheckServable(state, known);
    }
    TESSERA_RETURN_IF_ERROR(TakeSteps(steps, state.version));
    return ReleaseLease();
  }

  absl::Status Check(const Steps& steps) {
    const auto known = static_cast<int64_t>(steps.size());
    TESSERA_ASSIGN_OR_RETURN(const SchemaState state, ReadState());
    if (state.version >= known) return CheckServable(state, known);
    return absl::FailedPreconditionError(
        absl::StrCat("the schema has version ", state.version, ", and this program needs version ",
                     known, ": run `tesserad --migrate` with an account that may change it"));
  }

 private:
  template <typename Body>
  auto Do(std::string_view name, Body&& body) {
    return Transaction(session_, engine_, log_).Do(name, std::forward<Body>(body));
  }

  absl::Status MakeStateTable() {
    const std::string table = absl::StrCat(
        "CREATE TABLE IF NOT EXISTS schema_state (id BIGINT NOT NULL PRIMARY KEY,"
        " version BIGINT NOT NULL, min_compatible BIGINT NOT NULL, holder ",
        engine_.Text(64), " NOT NULL, heartbeat BIGINT NOT NULL)", engine_.TableSuffix());
    TESSERA_RETURN_IF_ERROR(RunStep(table));
    return RunStep(
        "INSERT INTO schema_state (id, version, min_compatible, holder, heartbeat)"
        " VALUES (1, 0, 0, '', 0)");
  }

  // A step that finds its work done has done it.
  absl::Status RunStep(const std::string& step) {
    std::string refusal;
    absl::Status status = Do("schema.step", [&](soci::session& session) {
      try {
        Statement(session, step).Run();
      } catch (const soci::soci_error& e) {
        const Failure failure = engine_.Classify(e);
        if (failure == Failure::kDuplicatePrimary || engine_.IsAlreadyThere(e)) return;
        if (failure == Failure::kAway) refusal = engine_.Cause(e);
        throw;
      }
    });
    if (refusal.empty()) return status;
    // For the operator, who gave the account too few rights, say.
    return absl::FailedPreconditionError(absl::StrCat("the schema cannot be changed: ", refusal));
  }

  // Version 0 where there is no table yet.
  absl::StatusOr<SchemaState> ReadState() {
    return Do("schema.read", [&](soci::session& session) {
      try {
        return ReadRow(session);
      } catch (const soci::soci_error& e) {
        if (!engine_.IsMissingTable(e)) throw;
        return SchemaState();
      }
    });
  }

  static SchemaState ReadRow(soci::session& session) {
    SchemaState state;
    Statement statement(session,
                        "SELECT version, min_compatible, holder, heartbeat FROM schema_state"
                        " WHERE id = 1");
    statement.Into(state.version).Into(state.min_compatible).Into(state.holder);
    statement.Into(state.heartbeat).One();
    return state;
  }

  absl::Status CheckServable(const SchemaState& state, int64_t known) {
    if (state.min_compatible <= known) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "a newer program made the schema (version ", state.version, ", served from version ",
        state.min_compatible, " on); this program knows version ", known));
  }

  bool MayTake(const SchemaState& state, absl::Time now) const {
    if (state.holder.empty() || options_.sole_owner) return true;
    // A heartbeat far in the future is somebody's broken clock, not a live holder.
    return absl::AbsDuration(now - state.heartbeat) >= options_.lease_life;
  }

  // The state once the lease is ours, or once nothing is left to do.
  absl::StatusOr<SchemaState> TakeLease(int64_t known) {
    const absl::Duration give_up = clock_.Monotonic() + options_.patience;
    while (true) {
      TESSERA_ASSIGN_OR_RETURN(const SchemaState state, ReadState());
      if (state.version >= known) return state;
      const absl::Time now = clock_.Now();
      if (MayTake(state, now)) {
        TESSERA_ASSIGN_OR_RETURN(const bool taken, SwapLease(state, now));
        if (taken) return ReadState();
      }
      if (clock_.Monotonic() >= give_up) return Unavailable();
      Pause();
    }
  }

  absl::StatusOr<bool> SwapLease(const SchemaState& seen, absl::Time now) {
    return Do("schema.lease", [&](soci::session& session) {
      Statement statement(session,
                          "UPDATE schema_state SET holder = :me, heartbeat = :now WHERE id = 1"
                          " AND holder = :holder AND heartbeat = :heartbeat");
      statement.Bind("me", me_).Bind("now", now);
      return statement.Bind("holder", seen.holder).Bind("heartbeat", seen.heartbeat).Run() == 1;
    });
  }

  void Pause() {
    Mutex mutex;
    CondVar nobody;
    MutexLock lock(mutex);
    nobody.WaitFor(mutex, kLeasePoll);
  }

  absl::Status TakeSteps(const Steps& steps, int64_t version) {
    for (auto next = static_cast<size_t>(version); next < steps.size(); ++next) {
      TESSERA_RETURN_IF_ERROR(RunStep(steps[next]));
      TESSERA_RETURN_IF_ERROR(Record(static_cast<int64_t>(next) + 1));
    }
    log_.Info("schema.migrated",
              {{"from", std::to_string(version)}, {"to", std::to_string(steps.size())}});
    return absl::OkStatus();
  }

  // Writes the version down and renews the lease, if it still is ours.
  absl::Status Record(int64_t version) {
    TESSERA_ASSIGN_OR_RETURN(
        const int64_t rows, Do("schema.record", [&](soci::session& session) {
          Statement statement(
              session,
              "UPDATE schema_state SET version = :version, min_compatible = :oldest,"
              " heartbeat = :now WHERE id = 1 AND holder = :me");
          statement.Bind("version", version).Bind("oldest", int64_t{kMinCompatible});
          return statement.Bind("now", clock_.Now()).Bind("me", me_).Run();
        }));
    return rows == 1 ? absl::OkStatus() : Unavailable();
  }

  absl::Status ReleaseLease() {
    return Do("schema.release", [&](soci::session& session) {
      Statement(session,
                "UPDATE schema_state SET holder = '', heartbeat = 0 WHERE id = 1"
                " AND holder = :me")
          .Bind("me", me_)
          .Run();
    });
  }

  soci::session& session_;
  const Engine& engine_;
  const MigrationOptions& options_;
  const Clock& clock_;
  LogSink& log_;
  const std::string me_ = RandomId("mig_", clock_.Now());
};

}  // namespace

absl::Status Migrate(soci::session& session, const Engine& engine, const Steps& steps,
                     const MigrationOptions& options, const Clock& clock, LogSink& log) {
  return Migrator(session, engine, options, clock, log).Run(steps);
}

absl::Status CheckSchema(soci::session& session, const Engine& engine, const Steps& steps,
                         const Clock& clock, LogSink& log) {
  const MigrationOptions options;
  return Migrator(session, engine, options, clock, log).Check(steps);
}

}  // namespace tessera::storage::sql
