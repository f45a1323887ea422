#include "tests/mariadb/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace tessera::testing {
namespace {

// How soon a thread notices that it is to end.
constexpr int kPollMillis = 50;
constexpr size_t kBufferBytes = 1 << 16;

sockaddr_in AddressOf(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// Empty at the end.
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

}  // namespace

CuttingProxy::CuttingProxy(int upstream_port, const std::string& host)
    : upstream_port_(upstream_port), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = AddressOf(host, 0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  stop_ = true;
  accepting_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

void CuttingProxy::CutNext(const std::string& word, Cut how) {
  MutexLock lock(mu_);
  word_ = word;
  how_ = how;
}

void CuttingProxy::Accept() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMillis) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) connections_.emplace_back([this, client] { Serve(client); });
  }
}

void CuttingProxy::Serve(int client) {
  const int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = AddressOf("127.0.0.1", upstream_port_);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (!away_ && connect(upstream, generic, sizeof(address)) == 0) {
    while (!stop_ && !away_ && Pump(client, upstream)) {
    }
  }
  close(client);
  close(upstream);
}

bool CuttingProxy::Pump(int client, int upstream) {
  pollfd ends[2] = {{client, POLLIN, 0}, {upstream, POLLIN, 0}};
  if (poll(ends, 2, kPollMillis) <= 0) return true;
  if (ends[1].revents != 0) {
    const std::string bytes = Receive(upstream);
    if (bytes.empty() || !Send(client, bytes)) return false;
  }
  return ends[0].revents == 0 || ToServer(client, upstream);
}

bool CuttingProxy::ToServer(int client, int upstream) {
  const std::string message = Receive(client);
  if (message.empty()) return false;
  Cut how = Cut::kBefore;
  if (!IsToBeCut(message, how)) return Send(upstream, message);
  if (how == Cut::kAfter) {
    Send(upstream, message);
    Receive(upstream);
  }
  if (leaves_) away_ = true;
  ++cuts_;
  return false;
}

bool CuttingProxy::IsToBeCut(const std::string& message, Cut& how) {
  MutexLock lock(mu_);
  if (word_.empty() || message.find(word_) == std::string::npos) return false;
  word_.clear();
  how = how_;
  return true;
}

}  // namespace tessera::testing
