#include "storage/sql/connection_pool.h"

#include <utility>

#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

ConnectionPool::Lease::~Lease() {
  if (pool_ == nullptr) return;
  if (session_ != nullptr) {
    try {
      pool_->engine_.Rollback(*session_);
    } catch (...) {
      static_cast<void>(
          StatusOf(std::current_exception(), "rollback", pool_->engine_, pool_->log_));
      session_.reset();
    }
  }
  pool_->Return(std::move(session_));
}

absl::StatusOr<ConnectionPool::Lease> ConnectionPool::Acquire(absl::Time deadline) {
  std::unique_ptr<soci::session> session;
  {
    MutexLock lock(mu_);
    while (idle_.empty()) {
      const absl::Duration left = deadline - clock_.Now();
      if (left <= absl::ZeroDuration()) return Unavailable();
      if (!returned_.WaitFor(mu_, left) && idle_.empty()) return Unavailable();
    }
    session = std::move(idle_.back());
    idle_.pop_back();
  }
  if (session != nullptr) return Lease(*this, std::move(session));
  try {
    return Lease(*this, open_());
  } catch (...) {
    Return(nullptr);
    return StatusOf(std::current_exception(), "connect", engine_, log_);
  }
}

void ConnectionPool::Return(std::unique_ptr<soci::session> session) {
  MutexLock lock(mu_);
  // Opened ones lie on top, so that they are lent first.
  if (session == nullptr) {
    idle_.insert(idle_.begin(), nullptr);
  } else {
    idle_.push_back(std::move(session));
  }
  returned_.NotifyOne();
}

}  // namespace tessera::storage::sql
