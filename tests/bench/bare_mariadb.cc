#include <mysql.h>

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tests/bench/bare_sql.h"

namespace tessera::bench {
namespace {

int64_t NowMicros() { return absl::ToUnixMicros(SystemClock().Now()); }

// Plain text over TCP, as tessera sends it: SOCI knows no prepared statements of the server's.
class MariaDbConnection final : public BareConnection {
 public:
  explicit MariaDbConnection(const MariaDbAddress& to) {
    mysql_init(&connection_);
    const bool connected =
        mysql_real_connect(&connection_, to.host.c_str(), to.user.c_str(), to.password.c_str(),
                           to.database.c_str(), static_cast<unsigned>(to.port), nullptr,
                           0) != nullptr;
    Require(connected);
    Run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  }
  ~MariaDbConnection() override { mysql_close(&connection_); }

  void Rotate(const std::string& session, int64_t generation) override {
    const int64_t now = NowMicros(), access = now + 900'000'000, idle = now + 604'800'000'000;
    Run("START TRANSACTION");
    Run(absl::StrCat("UPDATE sessions SET generation = ", generation,
                     " + 1, mac_kid = 'mac', rotated_at = ", now,
                     ", access_until = CASE WHEN access_until < ", access, " THEN ", access,
                     " ELSE access_until END, idle_expires_at = ", idle,
                     ", ends_at = CASE WHEN expires_at < ", idle, " THEN expires_at ELSE ", idle,
                     " END WHERE id = '", session, "' AND generation = ", generation,
                     " AND revoked_at IS NULL"));
    if (mysql_affected_rows(&connection_) != 1) throw std::runtime_error("no such session");
    Run("COMMIT");
  }

  void Revoke(const std::string& id_hash) override {
    Run("START TRANSACTION");
    Run("UPDATE feed SET seq = seq + 1 WHERE id = 1");
    const std::string seq = One("SELECT seq FROM feed WHERE id = 1");
    Run(
        absl::StrCat("INSERT INTO revocations (seq, kind, id_hash, min_user_version, expires_at)"
                     " VALUES (",
                     seq, ", 1, '", id_hash, "', 0, ", NowMicros() + 900'000'000, ")"));
    Run("COMMIT");
  }

  void AddExpired(const std::string& user, int64_t first, int64_t count) override {
    Run(absl::StrCat("SET SESSION max_recursive_iterations = ", count));
    Run(ExpiredSessionsSql("CONCAT('ses_', LPAD(i, 26, '0'))", user, first, count));
  }

 private:
  void Require(bool done) {
    if (!done) throw std::runtime_error(std::string("MariaDB: ") + mysql_error(&connection_));
  }
  void Run(const std::string& text) {
    Require(mysql_real_query(&connection_, text.data(), text.size()) == 0);
  }
  std::string One(const std::string& text) {
    Run(text);
    MYSQL_RES* const rows = mysql_store_result(&connection_);
    Require(rows != nullptr);
    const MYSQL_ROW row = mysql_fetch_row(rows);
    std::string value = row == nullptr ? "" : row[0];
    mysql_free_result(rows);
    return value;
  }

  MYSQL connection_{};
};

}  // namespace

std::unique_ptr<BareConnection> ConnectMariaDb(const MariaDbAddress& address) {
  return std::make_unique<MariaDbConnection>(address);
}

}  // namespace tessera::bench
