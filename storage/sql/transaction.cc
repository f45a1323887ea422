#include "storage/sql/transaction.h"

#include "tessera/base/reason.h"

namespace tessera::storage::sql {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// The conflict that `failure` is, or OK.
absl::Status ConflictOf(Failure failure, const Conflicts& conflicts) {
  switch (failure) {
    case Failure::kDuplicatePrimary:
      return conflicts.primary;
    case Failure::kDuplicateKey:
      return conflicts.duplicate;
    case Failure::kOrphan:
      return conflicts.orphan;
    default:
      return absl::OkStatus();
  }
}

bool IsPassing(Failure failure) {
  return failure == Failure::kBusy || failure == Failure::kAway || failure == Failure::kLost;
}

// An exception from elsewhere is an allocation that failed, say; its words may hold anything.
std::string CauseOf(const std::exception_ptr& error, const Engine& engine) {
  try {
    std::rethrow_exception(error);
  } catch (const soci::soci_error& e) {
    return engine.Cause(e);
  } catch (...) {
    return "exception outside the engine";
  }
}

}  // namespace

absl::Status Unavailable() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the database is away or busy", kRetryDelay);
}

Failure FailureOf(const std::exception_ptr& error, const Engine& engine) {
  try {
    std::rethrow_exception(error);
  } catch (const soci::soci_error& e) {
    return engine.Classify(e);
  } catch (...) {
    return Failure::kOther;
  }
}

absl::Status StatusOf(const std::exception_ptr& error, std::string_view statement,
                      const Engine& engine, LogSink& log) {
  const Failure failure = FailureOf(error, engine);
  log.Write({failure == Failure::kBusy ? Severity::kWarning : Severity::kError,
             "storage.failed",
             {{"engine", std::string(engine.Name())},
              {"statement", std::string(statement)},
              {"cause", CauseOf(error, engine)}}});
  return IsPassing(failure) ? Unavailable() : absl::InternalError("the database failed");
}

absl::Status Transaction::Failed(const std::exception_ptr& error, std::string_view name,
                                 const Conflicts& conflicts) {
  const Failure failure = FailureOf(error, engine_);
  absl::Status conflict = ConflictOf(failure, conflicts);
  if (!conflict.ok()) return conflict;
  failure_ = failure;
  health_ = StatusOf(error, name, engine_, log_);
  return health_;
}

}  // namespace tessera::storage::sql
