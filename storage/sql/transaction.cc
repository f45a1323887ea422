#include "storage/sql/transaction.h"

#include "tessera/base/reason.h"

namespace tessera::storage::sql {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// The conflict that `error` is, or OK.
absl::Status ConflictOf(const std::exception_ptr& error, const Engine& engine,
                        const Conflicts& conflicts) {
  try {
    std::rethrow_exception(error);
  } catch (const soci::soci_error& e) {
    switch (engine.Classify(e)) {
      case Failure::kDuplicatePrimary:
        return conflicts.primary;
      case Failure::kDuplicateKey:
        return conflicts.duplicate;
      case Failure::kOrphan:
        return conflicts.orphan;
      default:
        return absl::OkStatus();
    }
  } catch (...) {
    return absl::OkStatus();
  }
}

bool IsPassing(Failure failure) { return failure == Failure::kBusy || failure == Failure::kAway; }

}  // namespace

absl::Status Unavailable() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the database is away or busy", kRetryDelay);
}

absl::Status StatusOf(const std::exception_ptr& error, std::string_view statement,
                      const Engine& engine, LogSink& log) {
  std::string cause = "exception outside the engine";
  bool passing = false;
  try {
    std::rethrow_exception(error);
  } catch (const soci::soci_error& e) {
    cause = engine.Cause(e);
    passing = IsPassing(engine.Classify(e));
  } catch (...) {
    // An allocation that failed, say; its words may hold anything, so they are not logged.
  }
  log.Error("storage.failed", {{"engine", std::string(engine.Name())},
                               {"statement", std::string(statement)},
                               {"cause", cause}});
  return passing ? Unavailable() : absl::InternalError("the database failed");
}

absl::Status Transaction::Failed(const std::exception_ptr& error, std::string_view name,
                                 const Conflicts& conflicts) {
  absl::Status conflict = ConflictOf(error, engine_, conflicts);
  if (!conflict.ok()) return conflict;
  health_ = StatusOf(error, name, engine_, log_);
  return health_;
}

}  // namespace tessera::storage::sql
