#include "tests/mariadb/cutting_proxy.h"

#include <poll.h>
#include <unistd.h>

#include "tests/base/loopback_socket.h"

namespace tessera::testing {

CuttingProxy::CuttingProxy(int upstream_port, const std::string& host)
    : upstream_port_(upstream_port), listener_(ListenOn(host, port_)) {
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
    const int client = AcceptOne(listener_);
    if (client >= 0) connections_.emplace_back([this, client] { Serve(client); });
  }
}

void CuttingProxy::Serve(int client) {
  const int upstream = away_ ? -1 : ConnectTo(upstream_port_);
  if (upstream >= 0) {
    while (!stop_ && !away_ && Pump(client, upstream)) {
    }
    close(upstream);
  }
  close(client);
}

bool CuttingProxy::Pump(int client, int upstream) {
  pollfd ends[2] = {{client, POLLIN, 0}, {upstream, POLLIN, 0}};
  if (poll(ends, 2, kSocketPollMillis) <= 0) return true;
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
