#include "storage/sql/mysql_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "storage/sql/mysql_connection.h"
#include "storage/sql/statement.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {
namespace {

absl::Duration MonotonicNow() { return SystemClock().Monotonic(); }

bool IdleForLonger(const MysqlPool::Connection& a, const MysqlPool::Connection& b) {
  return a.idle_since < b.idle_since;
}

}  // namespace

MysqlPool::Socket::Socket(soci::session& session)
    : fd_(fcntl(SocketOf(session), F_DUPFD_CLOEXEC, 0)) {}

MysqlPool::Socket& MysqlPool::Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

MysqlPool::Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

MysqlPool::Lease::Lease(MysqlPool& pool, Connection connection, absl::Duration limit)
    : pool_(pool),
      connection_(std::move(connection)),
      watch_(std::make_unique<SocketDeadlines::Watch>(pool.deadlines_, connection_.socket.fd(),
                                                      limit)) {}

MysqlPool::Lease::~Lease() {
  if (connection_.session != nullptr) {
    Transaction end(session(), pool_.parts_.engine, pool_.parts_.log);
    const absl::Status rolled_back =
        end.Do("rollback", [&](soci::session& s) { pool_.parts_.engine.Rollback(s); });
    watch_.reset();
    if (!rolled_back.ok()) connection_.session.reset();
  }
  pool_.Return(std::move(connection_));
}

void MysqlPool::Lease::Discard() {
  const bool by_itself = watch_->Fired();
  watch_.reset();
  connection_.session.reset();
  if (!by_itself) pool_.ForgetIdle();
}

MysqlPool::MysqlPool(size_t size, Open open, Parts parts)
    : size_(size), open_(std::move(open)), parts_(parts), thread_([this] { Run(); }) {}

MysqlPool::~MysqlPool() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wanted_.NotifyAll();
  thread_.join();
}

absl::StatusOr<std::unique_ptr<MysqlPool::Lease>> MysqlPool::Acquire(absl::Time deadline,
                                                                     Access access) {
  std::optional<Connection> connection;
  {
    MutexLock lock(mu_);
    while (true) {
      const absl::Duration left = deadline - parts_.clock.Now();
      if (left <= kLeastTime) return Unavailable();
      if (!idle_.empty()) break;
      if (away_ && lent_ == 0) return Unavailable();
      ++waiting_;
      wanted_.NotifyOne();
      available_.WaitFor(mu_, left);
      --waiting_;
    }
    connection = TakeIdle(access);
    ++lent_;
  }
  return std::make_unique<Lease>(*this, *std::move(connection), deadline - parts_.clock.Now());
}

// The last one used, of those that are set for it; the last one of all if none is.
MysqlPool::Connection MysqlPool::TakeIdle(Access access) {
  auto chosen = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Connection& connection) {
    return connection.access == access;
  });
  if (chosen == idle_.rend()) chosen = idle_.rbegin();
  Connection connection = std::move(*chosen);
  idle_.erase(std::next(chosen).base());
  return connection;
}

void MysqlPool::Return(Connection connection) {
  std::unique_ptr<soci::session> closed;  // outside the lock
  const absl::Duration now = MonotonicNow();
  MutexLock lock(mu_);
  --lent_;
  if (connection.session != nullptr && now - connection.opened_at < kMaxAge) {
    connection.idle_since = now;
    idle_.push_back(std::move(connection));
  } else {
    closed = std::move(connection.session);
  }
  available_.NotifyOne();
  // With none idle there was nothing for it to look after.
  if (idle_.size() <= 1) wanted_.NotifyOne();
}

void MysqlPool::ForgetIdle() {
  Connections closed;  // outside the lock
  MutexLock lock(mu_);
  closed.swap(idle_);
}

// Each who waits needs a connection (one that lies idle is about to be taken); so does the pool
// itself while it does not know whether there is a database.
bool MysqlPool::WantsOne() const {
  const bool asked = waiting_ > idle_.size() || (away_ && idle_.empty());
  return asked && lent_ + idle_.size() < size_;
}

absl::Duration MysqlPool::NextPing() const {
  const auto oldest = std::min_element(idle_.begin(), idle_.end(), IdleForLonger);
  return oldest == idle_.end() ? absl::InfiniteDuration() : oldest->idle_since + kPingAfter;
}

absl::Duration MysqlPool::NextTurn() const {
  return WantsOne() ? std::min(try_at_, NextPing()) : NextPing();
}

void MysqlPool::Run() {
  MutexLock lock(mu_);
  while (!stop_) {
    const absl::Duration left = NextTurn() - MonotonicNow();
    if (left > absl::ZeroDuration()) {
      wanted_.WaitFor(mu_, left);
    } else if (WantsOne() && try_at_ <= MonotonicNow()) {
      OpenOne();
    } else {
      LookAfterIdle();
    }
  }
}

void MysqlPool::OpenOne() {
  const bool was_away = away_;
  mu_.Unlock();
  std::unique_ptr<soci::session> session;
  std::string cause = "exception outside the engine";
  try {
    session = open_();
  } catch (const soci::soci_error& e) {
    cause = parts_.engine.Cause(e);
  } catch (...) {
    // An allocation that failed, say.
  }
  if (session == nullptr && !was_away) parts_.log.Error("database.away", {{"cause", cause}});
  if (session != nullptr && was_away) parts_.log.Info("database.back");
  mu_.Lock();
  Opened(std::move(session));
}

void MysqlPool::Opened(std::unique_ptr<soci::session> session) {
  const absl::Duration now = MonotonicNow();
  away_ = session == nullptr;
  if (away_) {
    try_at_ = now + kRetryAfter;
    available_.NotifyAll();
    return;
  }
  try_at_ = now;
  Socket socket(*session);
  idle_.push_back({std::move(session), std::move(socket), now, now});
  available_.NotifyOne();
}

void MysqlPool::LookAfterIdle() {
  const auto oldest = std::min_element(idle_.begin(), idle_.end(), IdleForLonger);
  Connection connection = std::move(*oldest);
  idle_.erase(oldest);
  ++lent_;
  mu_.Unlock();
  const bool keep = MonotonicNow() - connection.opened_at < kMaxAge && Lives(connection);
  if (!keep) connection.session.reset();
  mu_.Lock();
  --lent_;
  if (!keep) return;
  connection.idle_since = MonotonicNow();
  // The last to be lent: it was not needed so far.
  idle_.insert(idle_.begin(), std::move(connection));
  available_.NotifyOne();
}

bool MysqlPool::Lives(Connection& connection) {
  const SocketDeadlines::Watch watch(deadlines_, connection.socket.fd(), kOwnLimit);
  try {
    int64_t one = 0;
    return Statement(*connection.session, "SELECT 1").Into(one).One();
  } catch (...) {
    return false;
  }
}

}  // namespace tessera::storage::sql
