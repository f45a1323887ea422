#include <sqlite3.h>

#include <stdexcept>

#include "tessera/base/clock.h"
#include "tests/bench/bare_sql.h"

namespace tessera::bench {
namespace {

int64_t NowMicros() { return absl::ToUnixMicros(SystemClock().Now()); }

class SqliteConnection final : public BareConnection {
 public:
  explicit SqliteConnection(const std::string& path) {
    Require(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
    for (const char* text : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                             "PRAGMA foreign_keys=ON", "PRAGMA journal_size_limit=67108864"}) {
      Require(sqlite3_exec(database_, text, nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    begin_ = Prepare("BEGIN IMMEDIATE");
    commit_ = Prepare("COMMIT");
    rotate_ = Prepare(
        "UPDATE sessions SET generation = ?1 + 1, mac_kid = ?2, rotated_at = ?3,"
        " access_until = CASE WHEN access_until < ?4 THEN ?4 ELSE access_until END,"
        " idle_expires_at = ?5, ends_at = CASE WHEN expires_at < ?5 THEN expires_at ELSE ?5 END"
        " WHERE id = ?6 AND generation = ?1 AND revoked_at IS NULL");
    take_ = Prepare("UPDATE feed SET seq = seq + 1 WHERE id = 1");
    head_ = Prepare("SELECT seq FROM feed WHERE id = 1");
    insert_ = Prepare(
        "INSERT INTO revocations (seq, kind, id_hash, min_user_version, expires_at)"
        " VALUES (?1, 1, ?2, 0, ?3)");
  }
  ~SqliteConnection() override {
    for (sqlite3_stmt* statement : {begin_, commit_, rotate_, take_, head_, insert_}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(database_);
  }

  void Rotate(const std::string& session, int64_t generation) override {
    Run(begin_);
    const int64_t now = NowMicros();
    sqlite3_bind_int64(rotate_, 1, generation);
    sqlite3_bind_text(rotate_, 2, "mac", -1, SQLITE_STATIC);
    sqlite3_bind_int64(rotate_, 3, now);
    sqlite3_bind_int64(rotate_, 4, now + 900'000'000);
    sqlite3_bind_int64(rotate_, 5, now + 604'800'000'000);
    sqlite3_bind_text(rotate_, 6, session.data(), static_cast<int>(session.size()), SQLITE_STATIC);
    Run(rotate_);
    Require(sqlite3_changes(database_) == 1);
    Run(commit_);
  }

  void Revoke(const std::string& id_hash) override {
    Run(begin_);
    Run(take_);
    Require(sqlite3_step(head_) == SQLITE_ROW);
    sqlite3_bind_int64(insert_, 1, sqlite3_column_int64(head_, 0));
    sqlite3_reset(head_);
    sqlite3_bind_text(insert_, 2, id_hash.data(), static_cast<int>(id_hash.size()), SQLITE_STATIC);
    sqlite3_bind_int64(insert_, 3, NowMicros() + 900'000'000);
    Run(insert_);
    Run(commit_);
  }

  void AddExpired(const std::string& user, int64_t first, int64_t count) override {
    const std::string sql = ExpiredSessionsSql("printf('ses_%026d', i)", user, first, count);
    Require(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }

 private:
  void Require(bool done) const {
    if (!done) throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(database_));
  }
  sqlite3_stmt* Prepare(const char* text) {
    sqlite3_stmt* statement = nullptr;
    Require(sqlite3_prepare_v3(database_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                               nullptr) == SQLITE_OK);
    return statement;
  }
  void Run(sqlite3_stmt* statement) {
    Require(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr, *rotate_ = nullptr, *take_ = nullptr,
               *head_ = nullptr, *insert_ = nullptr;
};

}  // namespace

std::unique_ptr<BareConnection> ConnectSqlite(const std::string& path) {
  return std::make_unique<SqliteConnection>(path);
}

}  // namespace tessera::bench
