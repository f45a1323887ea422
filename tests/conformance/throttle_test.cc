#include <gmock/gmock.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

class ThrottleRepositoryTest : public Conformance {
 protected:
  ThrottleCounter Counter(char letter, int64_t attempts) {
    ThrottleCounter counter;
    counter.id = std::string(16, letter);
    counter.attempts = attempts;
    counter.blocked_until = now() + absl::Seconds(5);
    counter.expires_at = now() + absl::Hours(1);
    return counter;
  }
  bool Swap(const std::optional<ThrottleCounter>& seen, const ThrottleCounter& next) {
    bool swapped = false;
    Write([&](Repositories& r) {
      swapped = Must(r.throttle.Swap(seen, next));
      return absl::OkStatus();
    });
    return swapped;
  }
  std::optional<ThrottleCounter> Find(char letter) {
    std::vector<ThrottleCounter> found;
    Read([&](Repositories& r) {
      found = Must(r.throttle.Find({std::string(16, letter)}));
      return absl::OkStatus();
    });
    if (found.empty()) return std::nullopt;
    return found.front();
  }
};

TEST_P(ThrottleRepositoryTest, ACounterComesBackAsItWasAndOthersAreNotThere) {
  ThrottleCounter counter = Counter('a', 6'000'000'000);
  counter.id = std::string("\0\xff'\"\\\0\n:x\x80\x81\x82\x83\x84\x85\x86", 16);
  ASSERT_TRUE(Swap(std::nullopt, counter));
  Read([&](Repositories& r) {
    const auto found = Must(r.throttle.Find({std::string(16, 'z'), counter.id}));
    EXPECT_EQ(found.size(), 1u);
    if (found.empty()) return absl::OkStatus();
    EXPECT_EQ(found[0].id, counter.id);
    EXPECT_EQ(found[0].attempts, counter.attempts);
    EXPECT_EQ(found[0].blocked_until, counter.blocked_until);
    EXPECT_EQ(found[0].expires_at, counter.expires_at);
    EXPECT_TRUE(Must(r.throttle.Find({})).empty());
    return absl::OkStatus();
  });
}

TEST_P(ThrottleRepositoryTest, SeveralAreFoundInTheOrderOfTheirIds) {
  for (const char letter : {'c', 'a', 'b'}) ASSERT_TRUE(Swap(std::nullopt, Counter(letter, 1)));
  Read([&](Repositories& r) {
    const auto found =
        Must(r.throttle.Find({std::string(16, 'b'), std::string(16, 'c'), std::string(16, 'a')}));
    EXPECT_EQ(found.size(), 3u);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].id, std::string(16, static_cast<char>('a' + i)));
    }
    return absl::OkStatus();
  });
}

// None of several that count at once sees what another one is about to change.
TEST_P(ThrottleRepositoryTest, WhatIsTakenIsChangedByNobodyElse) {
  ASSERT_TRUE(Swap(std::nullopt, Counter('a', 1)));
  ASSERT_TRUE(Swap(std::nullopt, Counter('b', 1)));
  std::atomic<int> faster = 0;
  const auto count = [&] {
    for (int i = 0; i < 25; ++i) {
      Write([&](Repositories& r) -> absl::Status {
        const auto found = Must(r.throttle.Take({std::string(16, 'b'), std::string(16, 'a')}));
        for (ThrottleCounter next : found) {
          const ThrottleCounter seen = next;
          ++next.attempts;
          faster += Must(r.throttle.Swap(seen, next)) ? 0 : 1;
        }
        return absl::OkStatus();
      });
    }
  };
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(count);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faster, 0);
  EXPECT_EQ(Find('a')->attempts, 101);
  EXPECT_EQ(Find('b')->attempts, 101);
}

TEST_P(ThrottleRepositoryTest, AnIdOfAnotherLengthIsRefused) {
  for (const size_t size : {0u, 15u, 17u}) {
    ThrottleCounter counter = Counter('a', 1);
    counter.id.resize(size);
    EXPECT_FALSE(TryWrite([&](Repositories& r) {
                   return r.throttle.Swap(std::nullopt, counter).status();
                 }).ok());
  }
}

TEST_P(ThrottleRepositoryTest, ASwapNeedsTheCounterToBeAsItWasSeen) {
  const ThrottleCounter one = Counter('a', 1);
  ThrottleCounter two = Counter('a', 2);
  EXPECT_FALSE(Swap(one, two)) << "there is none";
  EXPECT_TRUE(Swap(std::nullopt, one));
  EXPECT_FALSE(Swap(std::nullopt, two)) << "there is one by now";
  ThrottleCounter other = one;
  other.blocked_until += absl::Microseconds(1);
  EXPECT_FALSE(Swap(other, two));
  other = one;
  other.expires_at += absl::Microseconds(1);
  EXPECT_FALSE(Swap(other, two));
  EXPECT_TRUE(Swap(one, two));
  EXPECT_FALSE(Swap(one, two));
  EXPECT_EQ(Find('a')->attempts, 2);
}

TEST_P(ThrottleRepositoryTest, ATransactionGoesOnBehindASwapThatFailed) {
  ASSERT_TRUE(Swap(std::nullopt, Counter('a', 1)));
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.throttle.Swap(std::nullopt, Counter('a', 7))));
    EXPECT_TRUE(Must(r.throttle.Swap(std::nullopt, Counter('b', 7))));
    return absl::OkStatus();
  });
  EXPECT_EQ(Find('a')->attempts, 1);
  EXPECT_EQ(Find('b')->attempts, 7);
}

TEST_P(ThrottleRepositoryTest, TheLastAttemptGivenBackLiftsItsDelayAndAnEarlierOneDoesNot) {
  const ThrottleCounter five = Counter('a', 5);
  ASSERT_TRUE(Swap(std::nullopt, five));
  Write([&](Repositories& r) { return r.throttle.GiveBack(five.id, 4, now()); });
  EXPECT_EQ(Find('a')->attempts, 4);
  EXPECT_EQ(Find('a')->blocked_until, five.blocked_until);
  Write([&](Repositories& r) { return r.throttle.GiveBack(five.id, 4, now()); });
  EXPECT_EQ(Find('a')->attempts, 3);
  EXPECT_EQ(Find('a')->blocked_until, now());
}

TEST_P(ThrottleRepositoryTest, NothingIsGivenBackBelowZeroOrToACounterThatIsGone) {
  ASSERT_TRUE(Swap(std::nullopt, Counter('a', 1)));
  for (int i = 0; i < 3; ++i) {
    Write([&](Repositories& r) { return r.throttle.GiveBack(std::string(16, 'a'), 1, now()); });
  }
  EXPECT_EQ(Find('a')->attempts, 0);
  Write([&](Repositories& r) { return r.throttle.GiveBack(std::string(16, 'b'), 1, now()); });
  EXPECT_FALSE(Find('b').has_value());
}

TEST_P(ThrottleRepositoryTest, AnErasedCounterIsGoneAndErasingItAgainIsNoError) {
  ASSERT_TRUE(Swap(std::nullopt, Counter('a', 1)));
  ASSERT_TRUE(Swap(std::nullopt, Counter('b', 1)));
  for (int i = 0; i < 2; ++i) {
    Write([&](Repositories& r) { return r.throttle.Erase(std::string(16, 'a')); });
  }
  EXPECT_FALSE(Find('a').has_value());
  EXPECT_TRUE(Find('b').has_value());
}

TEST_P(ThrottleRepositoryTest, ExpiredOnesGoStrictlyAfterTheirEndAndAtMostTheLimit) {
  for (int i = 0; i < 4; ++i) {
    ThrottleCounter counter = Counter(static_cast<char>('a' + i), 1);
    counter.expires_at = now() + absl::Seconds(10 + i);
    ASSERT_TRUE(Swap(std::nullopt, counter));
  }
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.throttle.DeleteExpired(now() + absl::Seconds(10), 10)), 0);
    EXPECT_EQ(Must(r.throttle.DeleteExpired(now() + absl::Seconds(10) + absl::Microseconds(1), 10)),
              1);
    EXPECT_EQ(Must(r.throttle.DeleteExpired(now() + absl::Hours(1), 2)), 2);
    return absl::OkStatus();
  });
  EXPECT_TRUE(Find('d').has_value());
}

// What "200 guesses cost 5 hashes" stands on.
TEST_P(ThrottleRepositoryTest, OfManyWhoSwapTheSameCounterOneSucceedsEachTime) {
  constexpr int kThreads = 8;
  std::atomic<int> swapped = 0;
  OnThreads(kThreads, [&](int) {
    const absl::Status status = TryWrite([&](Repositories& r) -> absl::Status {
      const auto done = r.throttle.Swap(std::nullopt, Counter('a', 1));
      if (!done.ok()) return done.status();
      return *done ? absl::OkStatus() : absl::AbortedError("slower");
    });
    swapped += status.ok() ? 1 : 0;
  });
  EXPECT_EQ(swapped, 1);
  swapped = 0;
  OnThreads(kThreads, [&](int) {
    const absl::Status status = TryWrite([&](Repositories& r) -> absl::Status {
      const auto done = r.throttle.Swap(Counter('a', 1), Counter('a', 2));
      if (!done.ok()) return done.status();
      return *done ? absl::OkStatus() : absl::AbortedError("slower");
    });
    swapped += status.ok() ? 1 : 0;
  });
  EXPECT_EQ(swapped, 1);
  EXPECT_EQ(Find('a')->attempts, 2);
}

TESSERA_ON_ALL_ENGINES(ThrottleRepositoryTest);

}  // namespace
}  // namespace tessera::storage
