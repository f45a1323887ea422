#include "storage/sql/mysql_pool.h"

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

}  // namespace

MysqlPool::Lease::Lease(MysqlPool& pool, Connection connection, absl::Duration limit)
    : pool_(pool),
      connection_(std::move(connection)),
      watch_(
          std::make_unique<SocketDeadlines::Watch>(pool.deadlines_, SocketOf(session()), limit)) {}

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
  watch_.reset();
  connection_.session.reset();
  pool_.ForgetIdle();
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
    while (idle_.empty()) {
      const absl::Duration left = deadline - parts_.clock.Now();
      if (left <= absl::ZeroDuration() || (away_ && lent_ == 0)) return Unavailable();
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
  Connection closed;  // outside the lock
  const absl::Duration now = MonotonicNow();
  MutexLock lock(mu_);
  --lent_;
  if (connection.session != nullptr && now - connection.opened_at < kMaxAge) {
    connection.idle_since = now;
    idle_.push_back(std::move(connection));
  } else {
    closed = std::move(connection);
    wanted_.NotifyOne();
  }
  available_.NotifyOne();
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

absl::Duration MysqlPool::NextTurn() const {
  if (WantsOne()) return try_at_;
  return idle_.empty() ? absl::InfiniteDuration() : idle_.front().idle_since + kPingAfter;
}

void MysqlPool::Run() {
  MutexLock lock(mu_);
  while (!stop_) {
    const absl::Duration left = NextTurn() - MonotonicNow();
    if (left > absl::ZeroDuration()) {
      wanted_.WaitFor(mu_, left);
    } else if (WantsOne()) {
      OpenOne();
    } else {
      LookAfterIdle();
    }
  }
}

void MysqlPool::OpenOne() {
  ++lent_;
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
  --lent_;
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
  idle_.push_back({std::move(session), now, now});
  available_.NotifyOne();
}

// The one that has been idle for longest, which lies at the front.
void MysqlPool::LookAfterIdle() {
  Connection connection = std::move(idle_.front());
  idle_.erase(idle_.begin());
  ++lent_;
  mu_.Unlock();
  const absl::Duration now = MonotonicNow();
  const bool keep = now - connection.opened_at < kMaxAge && Lives(*connection.session);
  if (!keep) connection.session.reset();
  mu_.Lock();
  --lent_;
  if (!keep) return;
  connection.idle_since = now;
  // It stays the first to be asked again, and the last to be lent.
  idle_.insert(idle_.begin(), std::move(connection));
  available_.NotifyOne();
}

bool MysqlPool::Lives(soci::session& session) {
  const SocketDeadlines::Watch watch(deadlines_, SocketOf(session), kOwnLimit);
  try {
    int64_t one = 0;
    return Statement(session, "SELECT 1").Into(one).One();
  } catch (...) {
    return false;
  }
}

}  // namespace tessera::storage::sql
