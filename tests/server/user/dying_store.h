#ifndef TESSERA_TESTS_SERVER_USER_DYING_STORE_H_
#define TESSERA_TESTS_SERVER_USER_DYING_STORE_H_

#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/store.h"

namespace tessera::server {

// A store whose writes fail from some on, as for a server that is about to die, or which others
// come before.
class DyingStore final : public storage::Store {
 public:
  explicit DyingStore(storage::Store& store) : store_(store) {}
  void DieAfter(int writes) { left_ = writes; }
  // Once, behind so many writes more, `act` happens before the next.
  void Behind(int writes, std::function<void()> act) {
    before_act_ = writes;
    act_ = std::move(act);
  }

  absl::Status Read(absl::Time deadline, Work work) override { return store_.Read(deadline, work); }
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override {
    if (act_ && before_act_-- == 0) std::exchange(act_, nullptr)();
    if (left_-- <= 0) return absl::UnavailableError("gone");
    return store_.Write(repeat, deadline, work);
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    return store_.DatabaseTime(deadline);
  }

 private:
  storage::Store& store_;
  int left_ = 1 << 20;
  int before_act_ = 0;
  std::function<void()> act_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_DYING_STORE_H_
