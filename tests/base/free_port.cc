#include "tests/base/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

#include "tessera/base/random.h"

namespace tessera::testing {
namespace {

constexpr uint64_t kFirstPort = 20000, kPorts = 12000;
constexpr int kTries = 20;

bool IsFree(int port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return free;
}

}  // namespace

int FreePort() {
  for (int tries = 0; tries < kTries; ++tries) {
    const int port = static_cast<int>(kFirstPort + RandomBelow(kPorts));
    if (IsFree(port)) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace tessera::testing
