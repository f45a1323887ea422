// What differs between the databases; everything else is SQL that all of them read.
#ifndef TESSERA_STORAGE_SQL_ENGINE_H_
#define TESSERA_STORAGE_SQL_ENGINE_H_

#include <soci/soci.h>

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace tessera::storage::sql {

// Why a statement failed, as far as anybody acts on it.
enum class Failure {
  kDuplicatePrimary,  // the primary key is there already
  kDuplicateKey,      // another unique key is
  kOrphan,            // a row that it refers to is gone, or is still referred to
  kBusy,              // locked, deadlocked: the same may work in a moment
  kAway,              // unreachable, no space, read-only, folder lost: nothing was changed
  kLost,              // the connection broke: at COMMIT, nobody knows whether it took effect
  kOther,
};

enum class Access { kRead, kWrite };

// Thread-safe and const. What takes a session may throw soci::soci_error unless it says otherwise,
// and wants the session's thread.
class Engine {
 public:
  virtual ~Engine() = default;

  // For the log: `sqlite`.
  virtual std::string_view Name() const = 0;
  virtual Failure Classify(const soci::soci_error& error) const = 0;
  // The engine's own code and, where they hold no value of a row, its words: for the log.
  virtual std::string Cause(const soci::soci_error& error) const = 0;

  // Waits for locks at most `wait`.
  virtual void Begin(soci::session& session, Access access, absl::Duration wait) const = 0;
  virtual void Commit(soci::session& session) const = 0;
  // Ends the transaction, if there is one.
  virtual void Rollback(soci::session& session) const = 0;
  // False if the engine has ended the transaction by itself. Does not throw.
  virtual bool InTransaction(soci::session& session) const = 0;

  // The pieces of DDL. Text is compared byte by byte and may hold any bytes but NUL.
  virtual std::string Text(int max_bytes) const = 0;
  virtual std::string LongText() const = 0;
  // What follows the closing bracket of CREATE TABLE.
  virtual std::string TableSuffix() const = 0;
  // Re-runnable: where the engine cannot say IF NOT EXISTS, IsAlreadyThere tells.
  virtual std::string CreateIndex(std::string_view name, std::string_view on) const = 0;
  virtual bool IsAlreadyThere(const soci::soci_error& error) const = 0;
  virtual bool IsMissingTable(const soci::soci_error& error) const = 0;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_ENGINE_H_
