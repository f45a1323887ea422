// Those who want to hear of changes, and may leave at any time.
#ifndef TESSERA_SERVER_AUTH_LISTENERS_H_
#define TESSERA_SERVER_AUTH_LISTENERS_H_

#include <functional>
#include <memory>
#include <vector>

#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe.
class Listeners {
 public:
  // `listener` is called by Notify until the handle dies. No call is under way after that, except
  // the one that drops its own handle. The handle may outlive this object.
  std::shared_ptr<void> Add(std::function<void()> listener);
  // Calls each, here, outside locks. Not to be called by two threads at once.
  void Notify();

 private:
  class Listener;
  Mutex mu_;
  std::vector<std::weak_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_LISTENERS_H_
