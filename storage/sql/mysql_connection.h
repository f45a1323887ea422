// Opens connections to MySQL and MariaDB, and what SOCI cannot say about them.
#ifndef TESSERA_STORAGE_SQL_MYSQL_CONNECTION_H_
#define TESSERA_STORAGE_SQL_MYSQL_CONNECTION_H_

#include <soci/soci.h>

#include <memory>

#include "storage/sql/mysql_store.h"

namespace tessera::storage::sql {

// What a connection may wait: for the server's greeting, and for any one answer. A work's own
// deadline ends it earlier.
inline constexpr absl::Duration kMysqlConnectTimeout = absl::Seconds(5);
inline constexpr absl::Duration kMysqlAnswerTimeout = absl::Seconds(60);
// What a statement waits for another's row before it gives up and is run again.
inline constexpr absl::Duration kMysqlLockWait = absl::Seconds(2);
// After such a silence the server ends a session; MariaDB one in the middle of a transaction, whose
// locks others wait for, earlier, and a statement that runs for so long. (The pool asks idle ones
// more often.)
inline constexpr absl::Duration kMysqlIdleTimeout = absl::Seconds(30);
inline constexpr absl::Duration kMysqlIdleInTransaction = absl::Seconds(10);
inline constexpr absl::Duration kMysqlLongestStatement = absl::Seconds(60);
// What a change of the schema waits for those who use the table.
inline constexpr absl::Duration kMysqlSchemaLockWait = absl::Seconds(10);

// By TCP. With options.tls_ca only to a server whose certificate is signed by one of these
// authorities and names options.host, and never in the clear; without, only with plug-ins that do
// not give the password to a server that asks for it (MySQL's caching_sha2_password does: it needs
// TLS). A write to a broken TLS connection may raise SIGPIPE: ignore it. Set for writing
// transactions (MysqlEngine::SetFor), strict values, UTC. Throws soci::soci_error.
std::unique_ptr<soci::session> ConnectMysql(const MysqlOptions& options);

// The socket, for shutting it down from another thread. The library closes it when it sees that the
// connection is lost.
int SocketOf(soci::session& session);

// True if the server says that a transaction is open, as of its last answer that was no error.
bool MysqlInTransaction(soci::session& session);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_MYSQL_CONNECTION_H_
