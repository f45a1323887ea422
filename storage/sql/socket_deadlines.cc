#include "storage/sql/socket_deadlines.h"

#include <sys/socket.h>

#include "tessera/base/clock.h"

namespace tessera::storage::sql {

SocketDeadlines::SocketDeadlines() : thread_([this] { Run(); }) {}

SocketDeadlines::~SocketDeadlines() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  earlier_.NotifyAll();
  thread_.join();
}

SocketDeadlines::Entries::iterator SocketDeadlines::Add(int socket, absl::Duration limit) {
  const absl::Duration end = SystemClock().Monotonic() + limit;
  MutexLock lock(mu_);
  const auto entry = entries_.emplace(end, socket);
  if (end < wakes_at_) earlier_.NotifyOne();
  return entry;
}

void SocketDeadlines::Remove(Entries::iterator entry) {
  MutexLock lock(mu_);
  entries_.erase(entry);
}

bool SocketDeadlines::HasFired(Entries::iterator entry) {
  MutexLock lock(mu_);
  return entry->second < 0;
}

// Under the lock, for the socket's number may belong to another as soon as its watch has gone;
// shutting down waits for nothing.
void SocketDeadlines::Run() {
  MutexLock lock(mu_);
  while (!stop_) {
    const absl::Duration now = SystemClock().Monotonic();
    auto next = entries_.begin();
    for (; next != entries_.end() && next->first <= now; ++next) {
      if (next->second >= 0) shutdown(next->second, SHUT_RDWR);
      next->second = -1;
    }
    wakes_at_ = next == entries_.end() ? absl::InfiniteDuration() : next->first;
    earlier_.WaitFor(mu_, wakes_at_ - now);
  }
}

}  // namespace tessera::storage::sql
