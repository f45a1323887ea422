#include "tests/mariadb/shared_server.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace tessera::testing {

std::string SharedServerFile(const std::string& state_folder) { return state_folder + "/server"; }

SharedServer ReadSharedServer(const std::string& state_folder) {
  std::ifstream file(SharedServerFile(state_folder));
  SharedServer server;
  file >> server.port >> server.keeper;
  file.ignore(1);
  std::getline(file, server.folder);
  if (!file || server.folder.empty()) {
    throw std::runtime_error("no server is written down in " + state_folder);
  }
  return server;
}

void WriteSharedServer(const std::string& state_folder, const SharedServer& server) {
  const std::string path = SharedServerFile(state_folder);
  std::ofstream(path + ".new") << server.port << ' ' << server.keeper << '\n'
                               << server.folder << '\n';
  std::filesystem::rename(path + ".new", path);
}

}  // namespace tessera::testing
