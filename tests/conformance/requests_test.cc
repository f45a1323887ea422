#include <gmock/gmock.h>

#include <set>
#include <string>

#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using RequestRepositoryTest = Conformance;

AnsweredRequest Request(const std::string& hash, const std::string& answer, absl::Time expires_at) {
  return {hash, "what " + hash + " asked", answer, expires_at};
}

TEST_P(RequestRepositoryTest, ARequestIsKeptOnceAndTheFirstAnswerStands) {
  const AnsweredRequest first = Request("h1", "usr_1", now() + absl::Hours(1));
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.requests.Keep(first, now())).has_value());
    return absl::OkStatus();
  });
  Write([&](Repositories& r) {
    const auto earlier = Must(r.requests.Keep(Request("h1", "usr_2", now()), now()));
    EXPECT_TRUE(earlier.has_value());
    if (earlier.has_value()) {
      EXPECT_EQ(earlier->fingerprint, first.fingerprint);
      EXPECT_EQ(earlier->answer, "usr_1");
      EXPECT_EQ(earlier->expires_at, first.expires_at);
    }
    EXPECT_FALSE(Must(r.requests.Keep(Request("h2", "usr_2", now()), now())).has_value());
    return absl::OkStatus();
  });
}

TEST_P(RequestRepositoryTest, AnExpiredRequestIsAsIfItHadNeverBeen) {
  const absl::Time end = now() + absl::Hours(1);
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.requests.Keep(Request("h1", "usr_1", end), now())).has_value());
    EXPECT_TRUE(Must(r.requests.Keep(Request("h1", "usr_2", end), end - absl::Microseconds(1)))
                    .has_value());
    EXPECT_FALSE(Must(r.requests.Keep(Request("h1", "usr_2", end), end)).has_value());
    return absl::OkStatus();
  });
}

TEST_P(RequestRepositoryTest, OfManyAtOnceOneIsKept) {
  constexpr int kThreads = 6;
  std::array<std::string, kThreads> answers;
  OnThreads(kThreads, [&](int i) {
    const std::string mine = "usr_" + std::to_string(i);
    Write([&](Repositories& r) {
      const auto earlier = Must(r.requests.Keep(Request("h", mine, now() + absl::Hours(1)), now()));
      answers[static_cast<size_t>(i)] = earlier.has_value() ? earlier->answer : mine;
      return absl::OkStatus();
    });
  });
  EXPECT_EQ(std::set<std::string>(answers.begin(), answers.end()).size(), 1u);
}

TEST_P(RequestRepositoryTest, ExpiredOnesGoInBatches) {
  Write([&](Repositories& r) {
    for (int i = 0; i < 7; ++i) {
      const absl::Time end = now() + absl::Seconds(i);
      EXPECT_FALSE(
          Must(r.requests.Keep(Request("h" + std::to_string(i), "a", end), now())).has_value());
    }
    const absl::Time before = now() + absl::Seconds(5);
    EXPECT_EQ(Must(r.requests.DeleteExpired(before, 3)), 3);
    EXPECT_EQ(Must(r.requests.DeleteExpired(before, 3)), 2);
    EXPECT_EQ(Must(r.requests.DeleteExpired(before, 3)), 0);
    return absl::OkStatus();
  });
}

TESSERA_ON_ALL_ENGINES(RequestRepositoryTest);

}  // namespace
}  // namespace tessera::storage
