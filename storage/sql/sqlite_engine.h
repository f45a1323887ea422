// SQLite behind the Engine interface.
#ifndef TESSERA_STORAGE_SQL_SQLITE_ENGINE_H_
#define TESSERA_STORAGE_SQL_SQLITE_ENGINE_H_

#include <memory>
#include <string>
#include <string_view>

#include "storage/sql/engine.h"

namespace tessera::storage::sql {

class SqliteEngine final : public Engine {
 public:
  // Opens a connection to the file at `path` (absolute; it exists) with this project's settings:
  // WAL, synchronous=FULL, foreign keys, extended codes. A reader's connection refuses to write.
  // Throws soci::soci_error.
  static std::unique_ptr<soci::session> Connect(const std::string& path, Access access);

  std::string_view Name() const override { return "sqlite"; }
  Failure Classify(const soci::soci_error& error) const override;
  std::string Cause(const soci::soci_error& error) const override;
  void Begin(soci::session& session, Access access, absl::Duration wait) const override;
  void Commit(soci::session& session) const override;
  void Rollback(soci::session& session) const override;
  bool InTransaction(soci::session& session) const override;
  std::string Text(int max_bytes) const override;
  std::string LongText() const override;
  std::string TableSuffix() const override;
  std::string CreateIndex(std::string_view name, std::string_view on) const override;
  bool IsAlreadyThere(const soci::soci_error& error) const override;
  bool IsMissingTable(const soci::soci_error& error) const override;
};

// SQLite's primary result code of `error`; 1 (its general error) if it is not SQLite's.
int SqliteCode(const soci::soci_error& error);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQLITE_ENGINE_H_
