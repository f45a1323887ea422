#ifndef TESSERA_TESTS_SERVER_USER_DYING_STORE_H_
#define TESSERA_TESTS_SERVER_USER_DYING_STORE_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/store.h"

namespace tessera::server {

// A store whose writes fail from some on, as for a server that is about to die.
class DyingStore final : public storage::Store {
 public:
  explicit DyingStore(storage::Store& store) : store_(store) {}
  void DieAfter(int writes) { left_ = writes; }

  absl::Status Read(absl::Time deadline, Work work) override { return store_.Read(deadline, work); }
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override {
    if (left_-- <= 0) return absl::UnavailableError("gone");
    return store_.Write(repeat, deadline, work);
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    return store_.DatabaseTime(deadline);
  }

 private:
  storage::Store& store_;
  int left_ = 1 << 20;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_DYING_STORE_H_
