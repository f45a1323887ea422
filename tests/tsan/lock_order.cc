// Who locks an absl::Mutex comes after all who unlocked it. (hidden.h says what this is for.)
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/tsan/hidden.h"

namespace {

using tessera::testing::Hidden;

constinit Hidden lock("_ZN4absl7debian35Mutex4LockEv");
constinit Hidden unlock("_ZN4absl7debian35Mutex6UnlockEv");
constinit Hidden try_lock("_ZN4absl7debian35Mutex7TryLockEv");
constinit Hidden wait("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
constinit Hidden wait_with_timeout(
    "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
constinit Hidden wait_with_deadline(
    "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

TESSERA_STAND_IN void Mutex::Lock() {
  lock.Call<void>(this);
  __tsan_acquire(this);
}

TESSERA_STAND_IN void Mutex::Unlock() {
  __tsan_release(this);
  unlock.Call<void>(this);
}

TESSERA_STAND_IN bool Mutex::TryLock() {
  const bool locked = try_lock.Call<bool>(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

TESSERA_STAND_IN void CondVar::Wait(Mutex* mutex) {
  __tsan_release(mutex);
  wait.Call<void>(this, mutex);
  __tsan_acquire(mutex);
}

TESSERA_STAND_IN bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  __tsan_release(mutex);
  const bool timed_out = wait_with_timeout.Call<bool>(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

TESSERA_STAND_IN bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  __tsan_release(mutex);
  const bool timed_out = wait_with_deadline.Call<bool>(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl
