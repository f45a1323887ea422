// A clock whose wall time another process moves: the machine's time plus an offset in a file that
// both map.
#ifndef TESSERA_TESTS_E2E_SHARED_CLOCK_H_
#define TESSERA_TESTS_E2E_SHARED_CLOCK_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tessera/base/clock.h"

namespace tessera::testing {

// Thread-safe, also between processes. The file is made if absent. Ends the process if it cannot be
// mapped.
class SharedClock final : public Clock {
 public:
  explicit SharedClock(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(Offset)) != 0) std::abort();
    void* memory = mmap(nullptr, sizeof(Offset), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) std::abort();
    offset_ = static_cast<Offset*>(memory);
  }
  ~SharedClock() override { munmap(offset_, sizeof(Offset)); }
  SharedClock(const SharedClock&) = delete;
  SharedClock& operator=(const SharedClock&) = delete;

  absl::Time Now() const override {
    return SystemClock().Now() + absl::Microseconds(offset_->load());
  }
  absl::Duration Monotonic() const override {
    return SystemClock().Monotonic() + absl::Microseconds(offset_->load());
  }
  void Advance(absl::Duration step) { *offset_ += absl::ToInt64Microseconds(step); }

 private:
  using Offset = std::atomic<int64_t>;
  static_assert(Offset::is_always_lock_free);
  Offset* offset_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_SHARED_CLOCK_H_
