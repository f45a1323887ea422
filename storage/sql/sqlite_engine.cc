#include "storage/sql/sqlite_engine.h"

// Wraps SQLite's own header in the namespace sqlite_api: <sqlite3.h> must not be included here.
#include <soci/sqlite3/soci-sqlite3.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/sql/statement.h"

namespace tessera::storage::sql {
namespace {

// After a checkpoint the write-ahead log is cut down to this many bytes.
constexpr int kWalBytesKept = 64 << 20;
// What a connection waits for a lock while it is being opened.
constexpr int kOpenWaitMillis = 2000;

// UBSan's check of the cast needs the class's type information, which the library does not export.
__attribute__((no_sanitize("vptr"))) sqlite_api::sqlite3* Handle(soci::session& session) {
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

int ExtendedCode(const soci::soci_error& error) {
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  return sqlite == nullptr ? SQLITE_ERROR : sqlite->result();
}

// SOCI reads `key=value` pairs wherever there is an equals sign, and the whole as the name
// otherwise.
std::string ConnectString(const std::string& path) {
  return path.find('=') == std::string::npos ? path : absl::StrCat("db=\"", path, "\"");
}

void Execute(soci::session& session, std::string text) {
  Statement(session, std::move(text)).Run();
}

}  // namespace

std::unique_ptr<soci::session> SqliteEngine::Connect(const std::string& path, Access access) {
  auto session = std::make_unique<soci::session>(soci::sqlite3, ConnectString(path));
  sqlite_api::sqlite3_extended_result_codes(Handle(*session), 1);
  sqlite_api::sqlite3_busy_timeout(Handle(*session), kOpenWaitMillis);
  std::string mode;
  Statement(*session, "PRAGMA journal_mode=WAL").Into(mode).One();
  if (mode != "wal") throw soci::soci_error("the file cannot use a write-ahead log");
  Execute(*session, "PRAGMA synchronous=FULL");
  Execute(*session, "PRAGMA foreign_keys=ON");
  Execute(*session, "PRAGMA trusted_schema=OFF");
  Execute(*session, absl::StrCat("PRAGMA journal_size_limit=", kWalBytesKept));
  if (access == Access::kRead) Execute(*session, "PRAGMA query_only=ON");
  return session;
}

int SqliteCode(const soci::soci_error& error) { return ExtendedCode(error) & 0xff; }

Failure SqliteEngine::Classify(const soci::soci_error& error) const {
  switch (ExtendedCode(error)) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return Failure::kDuplicatePrimary;
    case SQLITE_CONSTRAINT_UNIQUE:
      return Failure::kDuplicateKey;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return Failure::kOrphan;
    default:
      break;
  }
  switch (SqliteCode(error)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Failure::kBusy;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
      return Failure::kAway;
    default:
      return Failure::kOther;
  }
}

std::string SqliteEngine::Cause(const soci::soci_error& error) const {
  return absl::StrCat(ExtendedCode(error), " ", error.get_error_message());
}

void SqliteEngine::Begin(soci::session& session, Access access, absl::Duration wait) const {
  const int64_t millis = std::clamp<int64_t>(absl::ToInt64Milliseconds(wait), 0, 1 << 20);
  sqlite_api::sqlite3_busy_timeout(Handle(session), static_cast<int>(millis));
  // Deferred transactions that turn into writers fail at once when somebody else wrote meanwhile.
  Execute(session, access == Access::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
}

void SqliteEngine::Commit(soci::session& session) const { Execute(session, "COMMIT"); }

void SqliteEngine::Rollback(soci::session& session) const {
  if (InTransaction(session)) Execute(session, "ROLLBACK");
}

bool SqliteEngine::InTransaction(soci::session& session) const {
  return sqlite_api::sqlite3_get_autocommit(Handle(session)) == 0;
}

// Lengths mean nothing to SQLite; a type without "TEXT" in it would turn digits into numbers.
std::string SqliteEngine::Text(int) const { return "TEXT"; }
std::string SqliteEngine::LongText() const { return "TEXT"; }

// Clusters by the primary key, as InnoDB does, and refuses NULL in it.
std::string SqliteEngine::TableSuffix() const { return " WITHOUT ROWID"; }

std::string SqliteEngine::CreateIndex(std::string_view name, std::string_view on) const {
  return absl::StrCat("CREATE INDEX IF NOT EXISTS ", absl::string_view(name.data(), name.size()),
                      " ON ", absl::string_view(on.data(), on.size()));
}

// SQLite has no code of its own for it either: all else says IF NOT EXISTS.
bool SqliteEngine::IsAlreadyThere(const soci::soci_error& error) const {
  return SqliteCode(error) == SQLITE_ERROR &&
         error.get_error_message().find("duplicate column name") != std::string::npos;
}

// SQLite has no code of its own for it.
bool SqliteEngine::IsMissingTable(const soci::soci_error& error) const {
  return SqliteCode(error) == SQLITE_ERROR &&
         error.get_error_message().find("no such table") != std::string::npos;
}

}  // namespace tessera::storage::sql
