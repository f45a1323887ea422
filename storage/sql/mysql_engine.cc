#include "storage/sql/mysql_engine.h"

#include <mysqld_error.h>
#include <soci/mysql/soci-mysql.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/sql/mysql_connection.h"
#include "storage/sql/statement.h"

namespace tessera::storage::sql {
namespace {

// Numbers that only MySQL has, or that this header lacks.
constexpr unsigned int kRolledBackDuringCommit = 3101;  // ER_TRANSACTION_ROLLBACK_DURING_COMMIT
constexpr unsigned int kInactivityTimeout = 4031;       // ER_CLIENT_INTERACTION_TIMEOUT
constexpr unsigned int kConnectionKilled = 1927;        // ER_CONNECTION_KILLED
constexpr unsigned int kStatementTooLong = 3024;        // ER_QUERY_TIMEOUT
constexpr unsigned int kLostExtended = CR_SERVER_LOST_EXTENDED;
constexpr unsigned int kSessionKilled = 3169;  // ER_SESSION_WAS_KILLED
constexpr unsigned int kOffline = 3032;        // ER_SERVER_OFFLINE_MODE
constexpr unsigned int kTlsRequired = 3159;    // ER_SECURE_TRANSPORT_REQUIRED
constexpr unsigned int kHookRefused = 3100;    // ER_RUN_HOOK_ERROR
constexpr unsigned int kNoSpaceForWrite = 3;   // EE_WRITE

bool IsBusy(unsigned int code) {
  switch (code) {
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_CHECKREAD:
    case ER_ERROR_DURING_COMMIT:
    case kRolledBackDuringCommit:
      return true;
    default:
      return false;
  }
}

bool IsLost(unsigned int code) {
  switch (code) {
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case kLostExtended:
    case kConnectionKilled:
    case kInactivityTimeout:
    case ER_SERVER_SHUTDOWN:
    case ER_QUERY_INTERRUPTED:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
    case ER_NET_PACKETS_OUT_OF_ORDER:
    case CR_COMMANDS_OUT_OF_SYNC:
    case CR_MALFORMED_PACKET:
    case CR_SSL_CONNECTION_ERROR:  // over TLS a broken connection, however it broke
    case kSessionKilled:
      return true;
    default:
      return false;
  }
}

bool IsAway(unsigned int code) {
  switch (code) {
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_IPSOCK_ERROR:
    case CR_UNKNOWN_HOST:
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
    case ER_HOST_IS_BLOCKED:
    case ER_HOST_NOT_PRIVILEGED:
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_BAD_DB_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_MUST_CHANGE_PASSWORD:
    case kOffline:
    case kTlsRequired:
    case kHookRefused:
    case ER_UNKNOWN_COM_ERROR:  // a node of a cluster that is not part of it
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_READ_ONLY_MODE:
    case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_ERROR_ON_WRITE:
    case ER_GET_ERRNO:
    case ER_OUTOFMEMORY:
    case ER_OUT_OF_RESOURCES:
    case ER_LOCK_TABLE_FULL:
    case ER_STATEMENT_TIMEOUT:
    case kStatementTooLong:
    case kNoSpaceForWrite:
      return true;
    default:
      return false;
  }
}

void Execute(soci::session& session, std::string text) {
  Statement(session, std::move(text)).Run();
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

unsigned int MysqlCode(const soci::soci_error& error) {
  const auto* mysql = dynamic_cast<const soci::mysql_soci_error*>(&error);
  return mysql == nullptr ? 0 : mysql->err_num_;
}

bool IsUnreachable(const soci::soci_error& error) {
  const unsigned int code = MysqlCode(error);
  switch (code) {
    case CR_SSL_CONNECTION_ERROR:  // a certificate, as likely as not
      return false;
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_IPSOCK_ERROR:
    case CR_UNKNOWN_HOST:
    case ER_CON_COUNT_ERROR:
    case ER_UNKNOWN_COM_ERROR:
      return true;
    default:
      return IsLost(code);
  }
}

Failure MysqlEngine::Classify(const soci::soci_error& error) const {
  const unsigned int code = MysqlCode(error);
  switch (code) {
    case ER_DUP_ENTRY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
      // "... for key 'PRIMARY'", with the table's name before it on MySQL 8.
      return absl::EndsWith(error.get_error_message(), "PRIMARY'") ? Failure::kDuplicatePrimary
                                                                   : Failure::kDuplicateKey;
    case ER_NO_REFERENCED_ROW:
    case ER_NO_REFERENCED_ROW_2:
    case ER_ROW_IS_REFERENCED:
    case ER_ROW_IS_REFERENCED_2:
      return Failure::kOrphan;
    default:
      break;
  }
  if (IsBusy(code)) return Failure::kBusy;
  if (IsLost(code)) return Failure::kLost;
  return IsAway(code) ? Failure::kAway : Failure::kOther;
}

// The words of other errors quote values, or the statement itself.
std::string MysqlEngine::Cause(const soci::soci_error& error) const {
  const unsigned int code = MysqlCode(error);
  const bool quotes_nothing = IsBusy(code) || IsLost(code) || IsAway(code);
  return quotes_nothing ? absl::StrCat(code, " ", error.get_error_message()) : absl::StrCat(code);
}

std::string MysqlEngine::SettingFor(Access access) {
  return access == Access::kWrite
             ? "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE"
             : "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
}

void MysqlEngine::SetFor(soci::session& session, Access access) {
  Execute(session, SettingFor(access));
}

void MysqlEngine::Begin(soci::session& session, Access access, absl::Duration) const {
  Execute(session, access == Access::kWrite ? "START TRANSACTION"
                                            : "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

void MysqlEngine::Commit(soci::session& session) const { Execute(session, "COMMIT"); }

void MysqlEngine::Rollback(soci::session& session) const {
  if (InTransaction(session)) Execute(session, "ROLLBACK");
}

bool MysqlEngine::InTransaction(soci::session& session) const {
  return MysqlInTransaction(session);
}

std::string MysqlEngine::Text(int max_bytes) const {
  return absl::StrCat("VARBINARY(", max_bytes, ")");
}
std::string MysqlEngine::LongText() const { return "MEDIUMBLOB"; }

std::string MysqlEngine::TableSuffix() const {
  return " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
}

std::string MysqlEngine::CreateIndex(std::string_view name, std::string_view on) const {
  return absl::StrCat("CREATE INDEX ", View(name), " ON ", View(on));
}

bool MysqlEngine::IsAlreadyThere(const soci::soci_error& error) const {
  const unsigned int code = MysqlCode(error);
  return code == ER_DUP_KEYNAME || code == ER_TABLE_EXISTS_ERROR || code == ER_DUP_FIELDNAME;
}

bool MysqlEngine::IsMissingTable(const soci::soci_error& error) const {
  return MysqlCode(error) == ER_NO_SUCH_TABLE;
}

}  // namespace tessera::storage::sql
