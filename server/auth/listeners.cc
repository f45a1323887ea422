#include "server/auth/listeners.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace tessera::server {

class Listeners::Listener {
 public:
  explicit Listener(std::function<void()> call) : call_(std::move(call)) {}

  void Call() {
    {
      MutexLock lock(mu_);
      if (ended_) return;
      runner_ = std::this_thread::get_id();
    }
    call_();
    {
      MutexLock lock(mu_);
      runner_ = std::thread::id();
    }
    idle_.NotifyAll();
  }

  void End() {
    MutexLock lock(mu_);
    ended_ = true;
    while (runner_ != std::thread::id() && runner_ != std::this_thread::get_id()) idle_.Wait(mu_);
  }

 private:
  const std::function<void()> call_;
  Mutex mu_;
  CondVar idle_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread::id runner_ ABSL_GUARDED_BY(mu_);  // who is calling now; none by default
};

std::shared_ptr<void> Listeners::Add(std::function<void()> listener) {
  auto added = std::make_shared<Listener>(std::move(listener));
  {
    MutexLock lock(mu_);
    listeners_.push_back(added);
  }
  // The handle's own control block: its death ends the listener, whoever else holds it just then.
  return std::shared_ptr<void>(added.get(), [added](void*) { added->End(); });
}

void Listeners::Notify() {
  std::vector<std::shared_ptr<Listener>> live;
  {
    MutexLock lock(mu_);
    for (const std::weak_ptr<Listener>& weak : listeners_) {
      if (auto listener = weak.lock()) live.push_back(std::move(listener));
    }
    listeners_.assign(live.begin(), live.end());
  }
  for (const auto& listener : live) listener->Call();
}

}  // namespace tessera::server
