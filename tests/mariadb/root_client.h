// SQL as the administrator of a private server.
#ifndef TESSERA_TESTS_MARIADB_ROOT_CLIENT_H_
#define TESSERA_TESTS_MARIADB_ROOT_CLIENT_H_

#include <string>

namespace tessera::testing {

// Runs statements over the server's socket, on a connection of their own; the rows of all of them,
// tab-separated, a line each, NULL as such. Throws std::runtime_error with the server's words.
// Thread-safe.
std::string RunAsRoot(const std::string& socket, const std::string& statements,
                      const std::string& database);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_MARIADB_ROOT_CLIENT_H_
