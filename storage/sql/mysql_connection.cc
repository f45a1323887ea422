#include "storage/sql/mysql_connection.h"

#include <soci/mysql/soci-mysql.h>

#include <mutex>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "storage/sql/mysql_engine.h"
#include "storage/sql/statement.h"

namespace tessera::storage::sql {
namespace {

constexpr unsigned int kUnknownVariable = 1193;  // ER_UNKNOWN_SYSTEM_VARIABLE
constexpr char kTlsVersions[] = "TLSv1.2,TLSv1.3";
// None of these shows the password itself to a server in the clear.
constexpr char kPlugins[] =
    "mysql_native_password,client_ed25519,sha256_password,caching_sha2_password";

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
  std::string text = absl::StrCat("host=", Quoted(options.host), " port=", options.port,
                                  " user=", Quoted(options.user), " db=", Quoted(options.database),
                                  " charset=utf8mb4 local_infile=0 connect_timeout=",
                                  absl::ToInt64Seconds(kMysqlConnectTimeout),
                                  " read_timeout=", absl::ToInt64Seconds(kMysqlAnswerTimeout),
                                  " write_timeout=", absl::ToInt64Seconds(kMysqlAnswerTimeout));
  if (!options.tls_ca.empty()) absl::StrAppend(&text, " sslca=", Quoted(options.tls_ca));
  return text;
}

void Execute(soci::session& session, std::string text) {
  Statement(session, std::move(text)).Run();
}

// For a variable that only some servers have.
void SetIfKnown(soci::session& session, std::string assignment) {
  try {
    Execute(session, absl::StrCat("SET SESSION ", assignment));
  } catch (const soci::mysql_soci_error& e) {
    if (e.err_num_ != kUnknownVariable) throw;
  }
}

void PrepareSession(soci::session& session) {
  MysqlEngine::SetFor(session, Access::kWrite);
  Execute(session, absl::StrCat("SET SESSION autocommit = 1, time_zone = '+00:00',"
                                " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
                                " innodb_lock_wait_timeout = ",
                                absl::ToInt64Seconds(kMysqlLockWait),
                                ", wait_timeout = ", absl::ToInt64Seconds(kMysqlIdleTimeout)));
  SetIfKnown(session, absl::StrCat("idle_transaction_timeout = ",
                                   absl::ToInt64Seconds(kMysqlIdleInTransaction)));
  // On a cluster a reading waits for what other nodes have committed before it.
  SetIfKnown(session, "wsrep_sync_wait = 3");
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
  PrepareSession(*session);
  return session;
}

int SocketOf(soci::session& session) { return static_cast<int>(mysql_get_socket(Handle(session))); }

bool MysqlInTransaction(soci::session& session) {
  return (Handle(session)->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

}  // namespace tessera::storage::sql

// The linker sends SOCI's call of mysql_real_connect here (--wrap), and `__real_` on to the
// library. NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names.
extern "C" {

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
  // `localhost` would mean a socket file.
  const unsigned int protocol = MYSQL_PROTOCOL_TCP;
  mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, tessera::storage::sql::kPlugins);
  if (!connecting->tls_ca.empty()) {
    const my_bool yes = 1;
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    mysql_optionsv(mysql, MARIADB_OPT_TLS_VERSION, tessera::storage::sql::kTlsVersions);
  }
  // A copy of its own: Reveal has no end mark.
  std::string revealed(connecting->password.Reveal());
  MYSQL* const connected = __real_mysql_real_connect(mysql, host, user, revealed.c_str(), database,
                                                     port, nullptr, flags);
  tessera::WipeString(revealed);
  return connected;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
