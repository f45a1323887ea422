#include "server/auth/listeners.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace tessera::server {
namespace {

TEST(Listeners, EachIsCalledUntilItsHandleDies) {
  Listeners listeners;
  int one = 0;
  int two = 0;
  auto first = listeners.Add([&] { ++one; });
  auto second = listeners.Add([&] { ++two; });
  listeners.Notify();
  first.reset();
  listeners.Notify();
  EXPECT_EQ(one, 1);
  EXPECT_EQ(two, 2);
}

TEST(Listeners, AHandleMayDieInItsOwnCall) {
  Listeners listeners;
  int calls = 0;
  std::shared_ptr<void> handle;
  handle = listeners.Add([&] {
    ++calls;
    handle.reset();
  });
  listeners.Notify();
  listeners.Notify();
  EXPECT_EQ(calls, 1);
}

TEST(Listeners, AHandleMayOutliveTheListeners) {
  auto listeners = std::make_unique<Listeners>();
  auto handle = listeners->Add([] {});
  listeners.reset();
  handle.reset();
}

TEST(Listeners, NoCallIsUnderWayWhenTheHandleIsDead) {
  Listeners listeners;
  std::promise<void> entered;
  std::promise<void> go_on;
  std::atomic<bool> done{false};
  auto handle = listeners.Add([&] {
    entered.set_value();
    go_on.get_future().wait();
    done = true;
  });
  std::thread caller([&] { listeners.Notify(); });
  entered.get_future().wait();
  std::thread leaver([&] {
    handle.reset();
    EXPECT_TRUE(done);
  });
  go_on.set_value();
  leaver.join();
  caller.join();
}

}  // namespace
}  // namespace tessera::server
