// The principal of a call is its token's, always: many users over one channel.
//
// TESSERA_LONG=1 makes it a million calls. Run the program itself then: ctest would stop it
// (tests/tsan/README.md says how under ThreadSanitizer).
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

constexpr int kUsers = 1'000;
constexpr int kThreads = 16;
constexpr int kCalls = 20'000;
constexpr int kLongCalls = 1'000'000;

int Calls() {
  const char* const wish = getenv("TESSERA_LONG");
  return wish != nullptr && std::string_view(wish) == "1" ? kLongCalls : kCalls;
}

class Crowd {
 public:
  explicit Crowd(Theatre& theatre) : theatre_(theatre) {
    for (int i = 0; i < kUsers; ++i) {
      subjects_.push_back("usr_" + std::to_string(i));
      headers_.push_back(BearerOf(theatre.GoodToken(subjects_.back())));
    }
  }

  void Call(int calls) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([this, i, calls] { CallAsMany(i, calls / kThreads); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  int failed() const { return failed_; }
  int mixed() const { return mixed_; }

 private:
  // Each thread walks through the users with a stride of its own.
  void CallAsMany(int thread, int calls) {
    for (int i = 0; i < calls; ++i) {
      const auto user =
          static_cast<size_t>((thread * 61 + static_cast<int64_t>(i) * (2 * thread + 1)) % kUsers);
      const Shape shape = i % 16 == 0 ? kShapes[i / 16 % 4] : Shape::kUnary;
      const Outcome outcome = testing::Call(theatre_.stub(), shape, headers_[user]);
      if (!outcome.status.ok() || outcome.replies.size() != 1) {
        ++failed_;
      } else if (outcome.replies[0].subject() != subjects_[user]) {
        ++mixed_;
      }
    }
  }

  Theatre& theatre_;
  std::vector<std::string> subjects_;
  std::vector<Headers> headers_;
  std::atomic<int> failed_{0};
  std::atomic<int> mixed_{0};
};

void ExpectIdentities(Api api, int calls) {
  SCOPED_TRACE(NameOf(api));
  Theatre::Options options;
  options.api = api;
  Theatre theatre(options);
  Crowd crowd(theatre);
  crowd.Call(calls);
  EXPECT_EQ(crowd.failed(), 0);
  EXPECT_EQ(crowd.mixed(), 0);
  EXPECT_EQ(theatre.entered(), calls / kThreads * kThreads);
}

TEST(Identity, OfAThousandUsersOverOneChannelIsAlwaysTheTokens) {
  ExpectIdentities(Api::kCallback, Calls());
}

TEST(Identity, IsTheTokensInTheOtherApisToo) {
  for (const Api api : {Api::kSync, Api::kAsync, Api::kAsyncGeneric, Api::kCallbackGeneric}) {
    ExpectIdentities(api, Calls() / 10);
  }
}

}  // namespace
}  // namespace tessera::testing
