// Connections to a database that may go away: opened, looked after and replaced in the background.
#ifndef TESSERA_STORAGE_SQL_MYSQL_POOL_H_
#define TESSERA_STORAGE_SQL_MYSQL_POOL_H_

#include <soci/soci.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
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

  // A connection that has been idle for so long is asked whether it lives.
  static constexpr absl::Duration kPingAfter = absl::Seconds(10);
  // None gets older: so a proxy or a name that leads elsewhere by now is followed in time.
  static constexpr absl::Duration kMaxAge = absl::Minutes(30);
  // Between two tries to reach the database.
  static constexpr absl::Duration kRetryAfter = absl::Milliseconds(250);
  // With less time left there is no use in beginning: the connection would only be spoilt.
  static constexpr absl::Duration kLeastTime = absl::Milliseconds(5);
  // Statements of the pool's own (a ping, a rollback) wait this long for their answer.
  static constexpr absl::Duration kOwnLimit = absl::Seconds(2);

  // A descriptor of our own for a session's socket: the library closes its own whenever it likes.
  class Socket {
   public:
    explicit Socket(soci::session& session);
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept;
    ~Socket();
    int fd() const { return fd_; }

   private:
    int fd_;
  };

  struct Connection {
    std::unique_ptr<soci::session> session;
    Socket socket;
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
    // Closes the connection, and those that lie idle: what befell it has befallen them too. Not if
    // it was shut because its own time was over, which says nothing of the others.
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
  // UNAVAILABLE STORAGE_UNAVAILABLE: the database is away, or all are lent until `deadline`, or
  // less than kLeastTime is left.
  absl::StatusOr<std::unique_ptr<Lease>> Acquire(absl::Time deadline, Access access);

 private:
  using Connections = std::vector<Connection>;

  Connection TakeIdle(Access access) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Return(Connection connection);
  void ForgetIdle();
  void Run();
  bool WantsOne() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When the one that has been idle for longest is to be asked.
  absl::Duration NextPing() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration NextTurn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OpenOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Opened(std::unique_ptr<soci::session> session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LookAfterIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Lives(Connection& connection);

  const size_t size_;
  const Open open_;
  const Parts parts_;
  SocketDeadlines deadlines_;
  Mutex mu_;
  CondVar available_;                      // a connection came back, or nobody knows when one will
  CondVar wanted_;                         // for the pool's thread
  Connections idle_ ABSL_GUARDED_BY(mu_);  // the last one used is the last
  size_t lent_ ABSL_GUARDED_BY(mu_) = 0;   // or being asked
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  bool away_ ABSL_GUARDED_BY(mu_) = false;  // the last try to connect failed
  absl::Duration try_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();  // monotonic
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_MYSQL_POOL_H_
