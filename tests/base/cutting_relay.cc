#include "tests/base/cutting_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "tessera/base/random.h"

namespace tessera::testing {
namespace {

// How soon the thread notices that it is to end.
constexpr int kPollMillis = 50;
constexpr size_t kBufferBytes = 1 << 16;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
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

// At once, with what has not been read yet: no orderly end.
void Reset(int socket) {
  const linger at_once{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace

CuttingRelay::CuttingRelay(int upstream_port)
    : upstream_port_(upstream_port), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, SOMAXCONN) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the relay cannot listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

CuttingRelay::~CuttingRelay() {
  stop_ = true;
  accepting_.join();
  close(listener_);
}

void CuttingRelay::CutWithin(size_t least, size_t most) {
  {
    MutexLock lock(mu_);
    least_ = least;
    most_ = most;
  }
  NewBudget();
}

void CuttingRelay::NewBudget() {
  MutexLock lock(mu_);
  budget_ = most_ == 0 ? 0 : least_ + RandomBelow(most_ - least_ + 1);
}

void CuttingRelay::Accept() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMillis) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) Serve(client);
  }
}

void CuttingRelay::Serve(int client) {
  const int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(upstream_port_);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  NewBudget();
  if (connect(upstream, generic, sizeof(address)) == 0) {
    while (!stop_ && Pump(client, upstream)) {
    }
  }
  close(client);
  close(upstream);
}

bool CuttingRelay::Pump(int client, int upstream) {
  pollfd ends[2] = {{client, POLLIN, 0}, {upstream, POLLIN, 0}};
  if (poll(ends, 2, kPollMillis) <= 0) return true;
  if (ends[1].revents != 0 && !ToClient(client, upstream)) return false;
  if (ends[0].revents == 0) return true;
  const std::string bytes = Receive(client);
  return !bytes.empty() && Send(upstream, bytes);
}

bool CuttingRelay::ToClient(int client, int upstream) {
  std::string bytes = Receive(upstream);
  if (bytes.empty()) return false;
  bool cut = false;
  {
    MutexLock lock(mu_);
    cut = budget_ > 0 && bytes.size() >= budget_;
    if (cut) bytes.resize(budget_);
    if (budget_ > 0) budget_ = std::max<size_t>(1, budget_ - bytes.size());
  }
  if (!Send(client, bytes)) return false;
  if (!cut) return true;
  ++cuts_;
  Reset(client);
  Reset(upstream);
  return false;
}

}  // namespace tessera::testing
