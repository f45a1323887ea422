// A fixed number of connections, lent out one at a time to whoever asks, with a deadline.
#ifndef TESSERA_STORAGE_SQL_CONNECTION_POOL_H_
#define TESSERA_STORAGE_SQL_CONNECTION_POOL_H_

#include <soci/soci.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/sql/engine.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::storage::sql {

// Thread-safe. (soci::connection_pool waits without end and hands on transactions left open.)
class ConnectionPool {
 public:
  // Opens a connection; may throw soci::soci_error. Called outside locks, from several threads.
  using Open = std::function<std::unique_ptr<soci::session>()>;

  // A connection, to be used by one thread. Going away rolls back what is open and gives it back;
  // a connection that cannot even do that is closed, and opened anew for the next who asks.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<soci::session> session)
        : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    soci::session& session() { return *session_; }
    // Closes the connection: it is not to be trusted any more.
    void Discard() { session_.reset(); }

   private:
    struct Forget {
      void operator()(ConnectionPool*) const {}
    };
    std::unique_ptr<ConnectionPool, Forget> pool_;  // null once moved from
    std::unique_ptr<soci::session> session_;
  };

  // Opens the connections when they are first asked for. The references must outlive the pool, the
  // pool its leases.
  ConnectionPool(size_t size, Open open, const Engine& engine, const Clock& clock, LogSink& log)
      : open_(std::move(open)), engine_(engine), clock_(clock), log_(log), idle_(size) {}

  // UNAVAILABLE STORAGE_UNAVAILABLE: all are lent until `deadline`, or none can be opened.
  absl::StatusOr<Lease> Acquire(absl::Time deadline);

 private:
  void Return(std::unique_ptr<soci::session> session);

  const Open open_;
  const Engine& engine_;
  const Clock& clock_;
  LogSink& log_;
  Mutex mu_;
  CondVar returned_;
  // Null stands for one that has yet to be opened.
  std::vector<std::unique_ptr<soci::session>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_CONNECTION_POOL_H_
