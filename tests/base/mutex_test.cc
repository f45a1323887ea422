#include "tessera/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tessera {
namespace {

struct Counter {
  Mutex mu;
  CondVar changed;
  int value ABSL_GUARDED_BY(mu) = 0;
};

TEST(Mutex, NoIncrementIsLost) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        MutexLock lock(counter.mu);
        ++counter.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(counter.mu);
  EXPECT_EQ(counter.value, 4000);
}

TEST(CondVar, WaitReturnsWithTheMutexHeldAfterANotification) {
  Counter counter;
  std::thread setter([&] {
    MutexLock lock(counter.mu);
    counter.value = 7;
    counter.changed.NotifyAll();
  });
  {
    MutexLock lock(counter.mu);
    while (counter.value == 0) counter.changed.WaitFor(counter.mu, absl::InfiniteDuration());
    EXPECT_EQ(counter.value, 7);
  }
  setter.join();
}

TEST(CondVar, WaitForSaysThatTimeHasPassed) {
  Counter counter;
  MutexLock lock(counter.mu);
  bool notified = true;
  while (notified) notified = counter.changed.WaitFor(counter.mu, absl::Milliseconds(1));
  EXPECT_FALSE(notified);
}

}  // namespace
}  // namespace tessera
