#include "tests/base/cutting_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tessera/base/random.h"
#include "tests/base/loopback_socket.h"

namespace tessera::testing {
namespace {

// At once, with what has not been read yet: no orderly end.
void Reset(int socket) {
  const linger at_once{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace

CuttingRelay::CuttingRelay(int upstream_port)
    : upstream_port_(upstream_port), listener_(ListenOn("127.0.0.1", port_)) {
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
    const int client = AcceptOne(listener_);
    if (client >= 0) Serve(client);
  }
}

void CuttingRelay::Serve(int client) {
  const int upstream = ConnectTo(upstream_port_);
  NewBudget();
  if (upstream >= 0) {
    while (!stop_ && Pump(client, upstream)) {
    }
    close(upstream);
  }
  close(client);
}

bool CuttingRelay::Pump(int client, int upstream) {
  pollfd ends[2] = {{client, POLLIN, 0}, {upstream, POLLIN, 0}};
  if (poll(ends, 2, kSocketPollMillis) <= 0) return true;
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
