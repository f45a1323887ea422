// The server that all test programs of one run of ctest share: where it is written down.
#ifndef TESSERA_TESTS_MARIADB_SHARED_SERVER_H_
#define TESSERA_TESTS_MARIADB_SHARED_SERVER_H_

#include <sys/types.h>

#include <string>

namespace tessera::testing {

// The environment variable that names the state folder.
inline constexpr char kSharedServerVariable[] = "TESSERA_TEST_MARIADB";

struct SharedServer {
  std::string folder;  // MariaDb::folder
  int port = 0;
  pid_t keeper = 0;  // the process that runs it
};

// Throws std::runtime_error if nothing is written down there.
SharedServer ReadSharedServer(const std::string& state_folder);
// Whole or not at all.
void WriteSharedServer(const std::string& state_folder, const SharedServer& server);
std::string SharedServerFile(const std::string& state_folder);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_MARIADB_SHARED_SERVER_H_
