// The store on MySQL 8 or MariaDB: what several replicas share.
#ifndef TESSERA_STORAGE_SQL_MYSQL_STORE_H_
#define TESSERA_STORAGE_SQL_MYSQL_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace tessera::storage {

// More connections than this are not opened by one store.
inline constexpr int kMaxMysqlConnections = 320;

struct MysqlOptions {
  std::string host = "127.0.0.1";  // name or number; `localhost` is the number, never a socket
  int port = 3306;
  std::string user;
  Secret password;
  std::string database;
  // PEM file of the authorities that may have signed the server's certificate, which must name
  // `host`. Empty: the connection is plain.
  std::string tls_ca;
  // Opened when first needed and kept. As many works run at the same time; one too many waits.
  int connections = 4;
  // Serve although a commit may be lost with the machine (innodb_flush_log_at_trx_commit is not 1,
  // or there is a binary log and sync_binlog is not 1): for clusters whose other nodes make up for
  // it.
  bool relaxed_durability = false;
  // False: the schema must be there already; the account needs no right to change it.
  bool migrate = true;
};

// Connects, checks the server's settings and brings the schema up to date (with others that start
// at the same time, one of them does it). Afterwards the store outlives the database: while that is
// away, works fail as storage/store.h says, at the latest at their deadline, and connections come
// back by themselves.
// FAILED_PRECONDITION: wrong account, certificate, settings or schema; the message is for the
// operator and holds no secret. UNAVAILABLE: not reachable. Keeps references to `clock` and `log`:
// both must outlive the store.
absl::StatusOr<std::unique_ptr<Store>> OpenMysqlStore(MysqlOptions options, const Clock& clock,
                                                      LogSink& log);

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_SQL_MYSQL_STORE_H_
