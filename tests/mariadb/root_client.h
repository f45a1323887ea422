// SQL as the administrator of a private server.
#ifndef TESSERA_TESTS_MARIADB_ROOT_CLIENT_H_
#define TESSERA_TESTS_MARIADB_ROOT_CLIENT_H_

#include <string>

struct st_mysql;  // MYSQL

namespace tessera::testing {

// A connection over the server's socket. For one thread. Going away rolls back what is open.
class RootClient {
 public:
  // Throws std::runtime_error with the server's words, as Run does. `database` may be empty.
  RootClient(const std::string& socket, const std::string& database);
  ~RootClient();
  RootClient(const RootClient&) = delete;
  RootClient& operator=(const RootClient&) = delete;

  // Runs statements; the rows of all of them, tab-separated, a line each, NULL as such.
  std::string Run(const std::string& statements);

 private:
  st_mysql* const connection_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_MARIADB_ROOT_CLIENT_H_
