// SQL without tessera: what a renewal or a revocation costs the database alone.
#ifndef TESSERA_TESTS_BENCH_BARE_SQL_H_
#define TESSERA_TESTS_BENCH_BARE_SQL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tessera::bench {

// The writes of one transaction, in the words of tessera's own statements. Not thread-safe. What
// fails throws.
class BareConnection {
 public:
  virtual ~BareConnection() = default;

  // Moves the session from `generation` to the next and commits.
  virtual void Rotate(const std::string& session, int64_t generation) = 0;
  // Takes the feed's next number, writes an entry and commits.
  virtual void Revoke(const std::string& id_hash) = 0;
  // Adds sessions of the user, numbered from `first` on, that ended long ago, and commits.
  virtual void AddExpired(const std::string& user, int64_t first, int64_t count) = 0;
};

// The statement for AddExpired: both engines read it but for the id, made from the number `i`.
std::string ExpiredSessionsSql(const std::string& id, const std::string& user, int64_t first,
                               int64_t count);

// `path` holds tessera's schema; WAL, synchronous=FULL, statements prepared once.
std::unique_ptr<BareConnection> ConnectSqlite(const std::string& path);

struct MariaDbAddress {
  std::string host;
  int port = 0;
  std::string user, password, database;
};
std::unique_ptr<BareConnection> ConnectMariaDb(const MariaDbAddress& address);

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_BARE_SQL_H_
