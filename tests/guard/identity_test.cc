// Identities never mix: the connection is shared, the principal is the call's own.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

constexpr int kThreads = 32;
constexpr int kUsers = 1000;
constexpr int kCallsOfEach = 150;

struct Variant {
  const char* name;
  Transport transport;
  Api api;
  size_t cache_bytes;
};

class Identities : public ::testing::TestWithParam<Variant> {
 protected:
  Identities() : world_(Options()) {
    for (int i = 0; i < kUsers; ++i) {
      subjects_.push_back("usr_" + std::to_string(i));
      tokens_.push_back(world_.TokenOf(subjects_.back()));
    }
  }

  static World::Options Options() {
    World::Options options;
    options.transport = GetParam().transport;
    options.api = GetParam().api;
    options.adjust = [](GuardOptions& guard) { guard.cache_bytes = GetParam().cache_bytes; };
    return options;
  }

  // Each thread walks through the users with a stride of its own.
  void CallAsMany(int thread) {
    for (int i = 0; i < kCallsOfEach; ++i) {
      const auto user = static_cast<size_t>((thread * 31 + i * (2 * thread + 1)) % kUsers);
      const auto shape = static_cast<Shape>(i % 4);
      const Outcome outcome = world_.Call(shape, BearerOf(tokens_[user]));
      if (!outcome.status.ok() || outcome.replies.size() != 1) {
        ++failed_;
      } else if (outcome.replies[0].subject() != subjects_[user]) {
        ++mixed_;
      }
    }
  }

  World world_;
  std::vector<std::string> subjects_;
  std::vector<std::string> tokens_;
  std::atomic<int> failed_{0};
  std::atomic<int> mixed_{0};
};

TEST_P(Identities, ThirtyTwoThreadsOnOneChannelWithAThousandUsers) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([this, i] { CallAsMany(i); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed_, 0);
  EXPECT_EQ(mixed_, 0);
  EXPECT_EQ(world_.entered(), kThreads * kCallsOfEach);
}

INSTANTIATE_TEST_SUITE_P(
    Variants, Identities,
    ::testing::Values(Variant{"PlaintextSync", Transport::kPlaintext, Api::kSync, 16 << 20},
                      Variant{"PlaintextCallback", Transport::kPlaintext, Api::kCallback, 16 << 20},
                      Variant{"TlsCallback", Transport::kSsl, Api::kCallback, 16 << 20},
                      Variant{"NoCacheToSpeakOf", Transport::kPlaintext, Api::kCallback, 0}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace tessera::testing
