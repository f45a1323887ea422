// A key source whose fetches end when the test says so.
#ifndef TESSERA_TESTS_GUARD_HELD_KEYS_H_
#define TESSERA_TESTS_GUARD_HELD_KEYS_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/guard/key_source.h"

namespace tessera::testing {

// Thread-safe.
class HeldKeys final : public KeySource {
 public:
  explicit HeldKeys(JwkSet keys = JwkSet()) { Set(std::move(keys)); }

  std::shared_ptr<const JwkSet> Current() const override {
    MutexLock lock(mu_);
    return keys_;
  }
  void Fetch(std::function<void(absl::Status)> done) override {
    MutexLock lock(mu_);
    ++fetches_;
    waiting_.push_back(std::move(done));
  }

  void Set(JwkSet keys) {
    MutexLock lock(mu_);
    keys_ = std::make_shared<const JwkSet>(std::move(keys));
  }
  // Ends the fetches under way.
  void Finish(const absl::Status& status) {
    std::vector<std::function<void(absl::Status)>> waiting;
    {
      MutexLock lock(mu_);
      waiting.swap(waiting_);
    }
    for (const auto& done : waiting) done(status);
  }
  int fetches() const {
    MutexLock lock(mu_);
    return fetches_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const JwkSet> keys_ ABSL_GUARDED_BY(mu_);
  std::vector<std::function<void(absl::Status)>> waiting_ ABSL_GUARDED_BY(mu_);
  int fetches_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_HELD_KEYS_H_
