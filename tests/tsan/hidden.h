// Programs with gRPC code are linked with this folder's *_order.cc in the tsan preset, and nowhere
// else. Debian's gRPC is not built with ThreadSanitizer, so TSan does not see what puts one of its
// threads before another, and takes what we hand through gRPC for a race. There the program takes
// the place of functions that gRPC calls across the border of a shared library, calls the real
// ones, and tells TSan of an order that is there, and of no other: planted_test.sh shows that races
// are still seen.
#ifndef TESSERA_TESTS_TSAN_HIDDEN_H_
#define TESSERA_TESTS_TSAN_HIDDEN_H_

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <atomic>

#include "absl/base/thread_annotations.h"

// For a function that stands in for another: TSan and the analysis of locks look past it.
#define TESSERA_STAND_IN __attribute__((no_sanitize("thread"))) ABSL_NO_THREAD_SAFETY_ANALYSIS

namespace tessera::testing {

// The function of a shared library that the program's own function of the same name hides.
class Hidden {
 public:
  explicit constexpr Hidden(const char* name) : name_(name) {}

  template <typename Result, typename... Arguments>
  TESSERA_STAND_IN Result Call(Arguments... arguments) {
    void* function = function_.load(std::memory_order_relaxed);
    if (function == nullptr) {
      function = dlsym(RTLD_NEXT, name_);
      function_.store(function, std::memory_order_relaxed);
    }
    return reinterpret_cast<Result (*)(Arguments...)>(function)(arguments...);
  }

 private:
  const char* const name_;  // as the linker knows it
  std::atomic<void*> function_{nullptr};
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_TSAN_HIDDEN_H_
