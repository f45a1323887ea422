// Ends a conversation with a database that does not answer in time.
#ifndef TESSERA_STORAGE_SQL_SOCKET_DEADLINES_H_
#define TESSERA_STORAGE_SQL_SOCKET_DEADLINES_H_

#include <map>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"

namespace tessera::storage::sql {

// The client library knows whole seconds, given when it connects. This shuts a socket down at the
// work's own deadline instead: whoever waits on it sees the connection lost, at once. Thread-safe;
// one thread of its own, in real time.
class SocketDeadlines {
 public:
  SocketDeadlines();
  ~SocketDeadlines();
  SocketDeadlines(const SocketDeadlines&) = delete;
  SocketDeadlines& operator=(const SocketDeadlines&) = delete;

  // Watches until it goes. The descriptor must stay open for as long.
  class Watch {
   public:
    Watch(SocketDeadlines& deadlines, int socket, absl::Duration limit)
        : deadlines_(deadlines), entry_(deadlines.Add(socket, limit)) {}
    ~Watch() { deadlines_.Remove(entry_); }
    // True if the limit has passed and the socket was shut.
    bool Fired() const { return deadlines_.HasFired(entry_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    SocketDeadlines& deadlines_;
    const std::multimap<absl::Duration, int>::iterator entry_;
  };

 private:
  using Entries = std::multimap<absl::Duration, int>;  // monotonic time -> socket, or -1

  Entries::iterator Add(int socket, absl::Duration limit);
  void Remove(Entries::iterator entry);
  bool HasFired(Entries::iterator entry);
  void Run();

  Mutex mu_;
  CondVar earlier_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
  absl::Duration wakes_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();  // monotonic
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SOCKET_DEADLINES_H_
