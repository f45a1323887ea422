// The transaction that the repositories of one work share, and the wall that no exception passes.
#ifndef TESSERA_STORAGE_SQL_TRANSACTION_H_
#define TESSERA_STORAGE_SQL_TRANSACTION_H_

#include <soci/soci.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/sql/engine.h"
#include "storage/sql/statement.h"
#include "tessera/base/log.h"

namespace tessera::storage::sql {

// UNAVAILABLE STORAGE_UNAVAILABLE: nothing was changed; try again in a second.
absl::Status Unavailable();

// What `error` is to the engine; kOther for an exception that is not a database's.
Failure FailureOf(const std::exception_ptr& error, const Engine& engine);

// Logs what `error` is (`storage.failed`: the engine's code and words, never a statement's values)
// and returns what the caller may know: UNAVAILABLE STORAGE_UNAVAILABLE or INTERNAL.
absl::Status StatusOf(const std::exception_ptr& error, std::string_view statement,
                      const Engine& engine, LogSink& log);

// What a conflict with another row means to the caller; OK (the default) means that it is not
// expected and fails as INTERNAL.
struct Conflicts {
  absl::Status primary = {};    // the primary key is taken
  absl::Status duplicate = {};  // another unique key is
  absl::Status orphan = {};     // a row referred to is gone
};

// Of one work, on one thread. After a failure that no Conflicts names it is spent: every further Do
// fails likewise, and it must not be committed even if the work says OK.
class Transaction {
 public:
  Transaction(soci::session& session, const Engine& engine, LogSink& log)
      : session_(session), engine_(engine), log_(log) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Runs `body(session)`, which may throw, and returns what it returns, as a Status if that is
  // nothing. `name` is a literal, `users.insert`: it stands for the statement in the log.
  template <typename Body>
  auto Do(std::string_view name, Body&& body, const Conflicts& conflicts = {}) {
    using Value = std::invoke_result_t<Body, soci::session&>;
    using Result = std::conditional_t<std::is_void_v<Value>, absl::Status, absl::StatusOr<Value>>;
    if (!health_.ok()) return Result(health_);
    try {
      if constexpr (std::is_void_v<Value>) {
        body(session_);
        return Result();
      } else {
        return Result(body(session_));
      }
    } catch (...) {
      return Result(Failed(std::current_exception(), name, conflicts));
    }
  }

  // OK, or the failure that spent it.
  const absl::Status& health() const { return health_; }
  // What that was to the engine.
  std::optional<Failure> failure() const { return failure_; }

 private:
  absl::Status Failed(const std::exception_ptr& error, std::string_view name,
                      const Conflicts& conflicts);

  soci::session& session_;
  const Engine& engine_;
  LogSink& log_;
  absl::Status health_;
  std::optional<Failure> failure_;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_TRANSACTION_H_
