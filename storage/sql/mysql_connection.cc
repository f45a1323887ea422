#include "storage/sql/mysql_connection.h"

#include <soci/mysql/soci-mysql.h>
#include <string.h>

#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "storage/sql/mysql_engine.h"

namespace tessera::storage::sql {
namespace {

constexpr char kTlsVersions[] = "TLSv1.2,TLSv1.3";
// The last two encrypt the password for whatever key the server shows: good only behind TLS.
constexpr char kPlugins[] =
    "mysql_native_password,client_ed25519,sha256_password,caching_sha2_password";
constexpr char kPluginsInTheClear[] = "mysql_native_password,client_ed25519";

// What SOCI's connect string has no word for, handed to the wrapper below on the connecting thread.
thread_local const MysqlOptions* connecting = nullptr;

// UBSan's check of the cast needs the class's type information, which a library may not export.
__attribute__((no_sanitize("vptr"))) MYSQL* Handle(soci::session& session) {
  return static_cast<soci::mysql_session_backend*>(session.get_backend())->conn_;
}

std::string Quoted(std::string_view value) {
  return absl::StrCat("'",
                      absl::StrReplaceAll(absl::string_view(value.data(), value.size()),
                                          {{"\\", "\\\\"}, {"'", "\\'"}}),
                      "'");
}

std::string ConnectString(const MysqlOptions& options) {
  std::string text =
      absl::StrCat("host=", Quoted(options.host), " port=", options.port,
                   " user=", Quoted(options.user), " db=", Quoted(options.database),
                   " charset=utf8mb4 connect_timeout=", absl::ToInt64Seconds(kMysqlConnectTimeout),
                   " read_timeout=", absl::ToInt64Seconds(kMysqlAnswerTimeout),
                   " write_timeout=", absl::ToInt64Seconds(kMysqlAnswerTimeout));
  if (!options.tls_ca.empty()) absl::StrAppend(&text, " sslca=", Quoted(options.tls_ca));
  return text;
}

// Sent while connecting, under its time-out. The character sets are said again because a server may
// be set to ignore what the client asked for, and the client would then escape for another; the
// language because a duplicate key is told by the words. `/*M!` is for MariaDB alone; on a cluster
// a reading waits for what other nodes have committed before it.
std::string SessionSettings() {
  return absl::StrCat(
      "SET SESSION character_set_client = 'utf8mb4', character_set_connection = 'utf8mb4',"
      " character_set_results = 'utf8mb4', lc_messages = 'en_US', completion_type = 'NO_CHAIN',"
      " autocommit = 1, time_zone = '+00:00',"
      " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', lock_wait_timeout = ",
      absl::ToInt64Seconds(kMysqlSchemaLockWait),
      ", innodb_lock_wait_timeout = ", absl::ToInt64Seconds(kMysqlLockWait),
      ", wait_timeout = ", absl::ToInt64Seconds(kMysqlIdleTimeout),
      " /*M!, wsrep_sync_wait = 3, idle_transaction_timeout = ",
      absl::ToInt64Seconds(kMysqlIdleInTransaction),
      ", max_statement_time = ", absl::ToInt64Seconds(kMysqlLongestStatement), " */");
}

void SetOptions(MYSQL* mysql, const MysqlOptions& options) {
  // `localhost` would mean a socket file.
  const unsigned int protocol = MYSQL_PROTOCOL_TCP;
  const unsigned int off = 0;
  const bool tls = !options.tls_ca.empty();
  mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
  mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, tls ? kPlugins : kPluginsInTheClear);
  mysql_optionsv(mysql, MYSQL_INIT_COMMAND, SessionSettings().c_str());
  mysql_optionsv(mysql, MYSQL_INIT_COMMAND, MysqlEngine::SettingFor(Access::kWrite).c_str());
  if (!tls) return;
  const my_bool yes = 1;
  mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
  mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
  mysql_optionsv(mysql, MARIADB_OPT_TLS_VERSION, kTlsVersions);
}

}  // namespace

std::unique_ptr<soci::session> ConnectMysql(const MysqlOptions& options) {
  static std::once_flag once;
  std::call_once(once, [] { mysql_server_init(0, nullptr, nullptr); });
  connecting = &options;
  struct Reset {
    ~Reset() { connecting = nullptr; }
  } const reset;
  auto session = std::make_unique<soci::session>(soci::mysql, ConnectString(options));
  if (!options.tls_ca.empty() && mysql_get_ssl_cipher(Handle(*session)) == nullptr) {
    throw soci::mysql_soci_error("the connection is not encrypted", CR_SSL_CONNECTION_ERROR);
  }
  return session;
}

int SocketOf(soci::session& session) { return static_cast<int>(mysql_get_socket(Handle(session))); }

bool MysqlInTransaction(soci::session& session) {
  return (Handle(session)->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

}  // namespace tessera::storage::sql

// The linker sends SOCI's call of mysql_real_connect here (--wrap), and `__real_` on to the
// library.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names.

MYSQL* __real_mysql_real_connect(MYSQL* mysql, const char* host, const char* user,
                                 const char* password, const char* database, unsigned int port,
                                 const char* socket, unsigned long flags);

MYSQL* __wrap_mysql_real_connect(MYSQL* mysql, const char* host, const char* user,
                                 const char* password, const char* database, unsigned int port,
                                 const char* socket, unsigned long flags);

MYSQL* __wrap_mysql_real_connect(MYSQL* mysql, const char* host, const char* user,
                                 const char* password, const char* database, unsigned int port,
                                 const char* socket, unsigned long flags) {
  using tessera::storage::sql::connecting;
  if (connecting == nullptr) {
    return __real_mysql_real_connect(mysql, host, user, password, database, port, socket, flags);
  }
  tessera::storage::sql::SetOptions(mysql, *connecting);
  // A copy of its own: Reveal has no end mark.
  std::string revealed(connecting->password.Reveal());
  MYSQL* const connected = __real_mysql_real_connect(mysql, host, user, revealed.c_str(), database,
                                                     port, nullptr, flags);
  tessera::WipeString(revealed);
  // Kept for reconnecting, which is off.
  if (connected != nullptr && connected->passwd != nullptr) {
    explicit_bzero(connected->passwd, std::strlen(connected->passwd));
  }
  return connected;
}

// NOLINTEND(bugprone-reserved-identifier)
}  // extern "C"
