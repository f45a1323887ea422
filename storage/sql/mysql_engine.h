// MySQL and MariaDB behind the Engine interface.
#ifndef TESSERA_STORAGE_SQL_MYSQL_ENGINE_H_
#define TESSERA_STORAGE_SQL_MYSQL_ENGINE_H_

#include <string>
#include <string_view>

#include "storage/sql/engine.h"

namespace tessera::storage::sql {

// For sessions of ConnectMysql.
class MysqlEngine final : public Engine {
 public:
  std::string_view Name() const override { return "mysql"; }
  Failure Classify(const soci::soci_error& error) const override;
  std::string Cause(const soci::soci_error& error) const override;
  // Sets the session for transactions of this kind: reading ones have one view and cannot write.
  static void SetFor(soci::session& session, Access access);
  // The statement for that.
  static std::string SettingFor(Access access);
  // The session must be set for `access`. What a lock may wait is the session's own setting; `wait`
  // plays no part.
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

// The server's or the client library's number for `error`; 0 if it is neither's.
unsigned int MysqlCode(const soci::soci_error& error);

// True if `error` says that no server was there to talk to, or not in a state to: trying again
// later makes sense, changing the settings does not.
bool IsUnreachable(const soci::soci_error& error);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_MYSQL_ENGINE_H_
