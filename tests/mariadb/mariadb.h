// A private MariaDB for tests: loopback, a random port, a folder of its own.
#ifndef TESSERA_TESTS_MARIADB_MARIADB_H_
#define TESSERA_TESTS_MARIADB_MARIADB_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "storage/sql/mysql_store.h"

namespace tessera::testing {

// A server process. What fails throws std::runtime_error with the server's own words: a test that
// needs MariaDB fails without it. Not thread-safe, but for Sql and the addresses.
class MariaDb {
 public:
  struct Options {
    bool tls = false;                    // offers TLS with a certificate for 127.0.0.1, localhost
    bool on_disk = false;                // not in memory even if there is room: for measuring
    std::vector<std::string> arguments;  // more of them for mariadbd
    std::vector<std::string> run_under;  // a command before mariadbd
  };

  // One that many tests share, each in a database of its own: that of ctest's fixture
  // (TESSERA_TEST_MARIADB names its folder) or else one that lives as long as this process.
  static MariaDb& Shared();

  // Starts a server of the test's own; it ends with it, also if that is killed.
  MariaDb();
  explicit MariaDb(Options options);
  ~MariaDb();
  MariaDb(const MariaDb&) = delete;
  MariaDb& operator=(const MariaDb&) = delete;

  // The port stays the same over Stop and Start.
  void Start();
  void Stop();      // in order
  void KillHard();  // SIGKILL
  void Pause();     // SIGSTOP
  void Resume();    // SIGCONT

  const std::string& host() const;  // 127.0.0.1
  int port() const;
  std::string folder() const;
  std::string ca_file() const;      // PEM; empty without TLS
  std::string socket_file() const;  // for a RootClient

  // Runs statements as root over the server's socket; the rows, tab-separated, a line each.
  std::string Sql(const std::string& statements, const std::string& database = "") const;

 private:
  struct Parts;
  explicit MariaDb(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// An empty database with an account that may do there what deploy/mysql grants, and nothing else.
// Dropped with its account at the end.
class MariaDbDatabase {
 public:
  explicit MariaDbDatabase(MariaDb& server);
  ~MariaDbDatabase();
  MariaDbDatabase(const MariaDbDatabase&) = delete;
  MariaDbDatabase& operator=(const MariaDbDatabase&) = delete;

  MariaDb& server() { return server_; }
  const std::string& name() const { return name_; }
  const std::string& user() const { return name_; }
  const std::string& password() const { return password_; }
  storage::MysqlOptions options() const;
  // `mysql://USER@127.0.0.1:PORT/NAME`, for a configuration.
  std::string url() const;
  // Runs statements there as root.
  std::string Sql(const std::string& statements) const { return server_.Sql(statements, name_); }

 private:
  MariaDb& server_;
  const std::string name_;
  const std::string password_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_MARIADB_MARIADB_H_
