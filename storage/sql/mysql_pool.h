// Connections to a database that may go away: opened, looked after and replaced in the background.
#ifndef TESSERA_STORAGE_SQL_MYSQL_POOL_H_
#define TESSERA_STORAGE_SQL_MYSQL_POOL_H_

#include <soci/soci.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/sql/engine.h"
#include "storage/sql/socket_deadlines.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::storage::sql {

// Thread-safe. Only its own thread connects, so that nobody who asks waits longer than he said:
// while the database is known to be away, he is told so at once.
class MysqlPool {
 public:
  // Opens a connection; may throw soci::soci_error. Called on the pool's thread.
  using Open = std::function<std::unique_ptr<soci::session>()>;

  // A connection that has been idle for longer is asked whether it lives.
  static constexpr absl::Duration kPingAfter = absl::Seconds(10);
  // None gets older: so a proxy or a name that leads elsewhere by now is followed in time.
  static constexpr absl::Duration kMaxAge = absl::Minutes(30);
  // Between two tries to reach the database.
  static constexpr absl::Duration kRetryAfter = absl::Milliseconds(250);
  // Statements of the pool's own (a ping, a rollback) wait this long for their answer.
  static constexpr absl::Duration kOwnLimit = absl::Seconds(2);

  struct Connection {
    std::unique_ptr<soci::session> session;
    absl::Duration opened_at;  // monotonic
    absl::Duration idle_since;
    Access access = Access::kWrite;  // what its session is set for
  };

  // A connection, to be used by one thread, until the limit that it was asked for with: then it is
  // shut down, and what waits on it fails as lost. Going away rolls back what is open and gives it
  // back.
  class Lease {
   public:
    Lease(MysqlPool& pool, Connection connection, absl::Duration limit);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    soci::session& session() { return *connection_.session; }
    // What the session is set for; whoever sets it for something else says so.
    Access access() const { return connection_.access; }
    void set_access(Access access) { connection_.access = access; }
    // Closes the connection, and those that lie idle: what befell it has befallen them too.
    void Discard();

   private:
    MysqlPool& pool_;
    Connection connection_;  // its session is null once discarded
    std::unique_ptr<SocketDeadlines::Watch> watch_;
  };

  struct Parts {
    const Engine& engine;
    const Clock& clock;  // counts deadlines
    LogSink& log;
  };
  // All must outlive the pool, the pool its leases.
  MysqlPool(size_t size, Open open, Parts parts);
  ~MysqlPool();
  MysqlPool(const MysqlPool&) = delete;
  MysqlPool& operator=(const MysqlPool&) = delete;

  // If there is a choice, one whose session is set for `access`.
  // UNAVAILABLE STORAGE_UNAVAILABLE: the database is away, or all are lent until `deadline`.
  absl::StatusOr<std::unique_ptr<Lease>> Acquire(absl::Time deadline, Access access);

 private:
  using Connections = std::vector<Connection>;

  Connection TakeIdle(Access access) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Return(Connection connection);
  void ForgetIdle();
  void Run();
  bool WantsOne() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration NextTurn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OpenOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Opened(std::unique_ptr<soci::session> session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LookAfterIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Lives(soci::session& session);

  const size_t size_;
  const Open open_;
  const Parts parts_;
  SocketDeadlines deadlines_;
  Mutex mu_;
  CondVar available_;                      // a connection came back, or nobody knows when one will
  CondVar wanted_;                         // for the pool's thread
  Connections idle_ ABSL_GUARDED_BY(mu_);  // the last one used is the last
  size_t lent_ ABSL_GUARDED_BY(mu_) = 0;   // or being opened or asked
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  bool away_ ABSL_GUARDED_BY(mu_) = false;  // the last try to connect failed
  absl::Duration try_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();  // monotonic
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_MYSQL_POOL_H_
