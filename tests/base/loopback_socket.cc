#include "tests/base/loopback_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace tessera::testing {
namespace {

constexpr size_t kBufferBytes = 1 << 16;

sockaddr_in AddressOf(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int NewSocket() { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

}  // namespace

int ListenOn(const std::string& host, int& port) {
  const int listener = NewSocket();
  sockaddr_in address = AddressOf(host, 0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, SOMAXCONN) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    throw std::runtime_error("a test cannot listen");
  }
  port = ntohs(address.sin_port);
  return listener;
}

int AcceptOne(int listener) {
  pollfd waiting{listener, POLLIN, 0};
  if (poll(&waiting, 1, kSocketPollMillis) <= 0) return -1;
  return accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
}

int ConnectTo(int port) {
  const int server = NewSocket();
  const sockaddr_in address = AddressOf("127.0.0.1", port);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (connect(server, generic, sizeof(address)) == 0) return server;
  close(server);
  return -1;
}

std::string Receive(int socket) {
  std::string bytes(kBufferBytes, '\0');
  const ssize_t got = recv(socket, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return bytes;
}

bool Send(int socket, const std::string& bytes) {
  return send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

}  // namespace tessera::testing
