// What a guard counts, and that callers cannot make it count more things.
#include "tessera/guard/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>

#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kSay[] = "/tessera.test.guard.Echo/Say";
constexpr char kAdminSay[] = "/tessera.test.guard.Echo/AdminSay";
constexpr char kOpen[] = "/tessera.test.guard.Echo/Open";

// By "method reason", or "method code" for one without a reason.
std::map<std::string, uint64_t> DecisionsOf(const Guard& guard) {
  std::map<std::string, uint64_t> counts;
  for (const GuardDecisions& one : guard.Metrics().decisions) {
    const std::string word = one.reason.empty() ? absl::StatusCodeToString(one.code) : one.reason;
    counts[one.method + " " + word] += one.count;
  }
  return counts;
}

TEST(GuardMetrics, CountsEachDecisionOnceByMethodAndReason) {
  World world;
  const Headers good = BearerOf(world.TokenOf("usr_a"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(world.Call(Shape::kUnary, good).status.ok());
  EXPECT_FALSE(world.Call(Shape::kUnary, {}).status.ok());
  EXPECT_FALSE(world.Call(Shape::kUnary, good, true).status.ok());
  EXPECT_FALSE(world.Call(Shape::kUnary, good, true).status.ok());
  EXPECT_TRUE(world.Open({}).status.ok());
  EXPECT_THAT(DecisionsOf(world.guard()),
              ElementsAre(Pair(std::string(kAdminSay) + " ROLE_REQUIRED", 2),
                          Pair(std::string(kOpen) + " OK", 1), Pair(std::string(kSay) + " OK", 3),
                          Pair(std::string(kSay) + " TOKEN_MISSING", 1)));
}

// Whatever paths callers think of, they share one label.
TEST(GuardMetrics, PathsThatNobodyOwnsAreCountedTogether) {
  World world;
  for (int i = 0; i < 20; ++i) world.CallPath("/no.such.Service/M" + std::to_string(i), {});
  EXPECT_THAT(DecisionsOf(world.guard()), ElementsAre(Pair(" UNIMPLEMENTED", 20)));
}

TEST(GuardMetrics, TellHowTokensAreCached) {
  World world;
  const Headers good = BearerOf(world.TokenOf("usr_a"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(world.Call(Shape::kUnary, good).status.ok());
  EXPECT_TRUE(world.Open(good).status.ok());  // its token is not looked at
  const auto metrics = world.guard().Metrics();
  EXPECT_EQ(metrics.cache_misses, 1u);
  EXPECT_EQ(metrics.cache_hits, 2u);
  EXPECT_EQ(metrics.cache_tokens, 1u);
  EXPECT_GT(metrics.cache_bytes, 0u);
  EXPECT_EQ(metrics.keys, 1u);
}

TEST(GuardMetrics, TellHowOldTheRevocationsAre) {
  World world;
  world.clock.Advance(absl::Seconds(7));
  EXPECT_EQ(world.guard().Metrics().revocations_age, absl::Seconds(7));
  world.view->Merge({Revoked(RevokedThing::kToken, "tok_x", world.clock.Now())});
  EXPECT_EQ(world.guard().Metrics().revocations, 1u);
  World::Options options;
  options.adjust = [](GuardOptions& guard) { guard.revocations = WithoutRevocations(); };
  World without(options);
  EXPECT_EQ(without.guard().Metrics().revocations_age, std::nullopt);
}

TEST(GuardMetrics, CountStreamsThatWereCutByTheirReason) {
  World world;
  const auto chat = [&](const std::string& subject, grpc::ClientContext& context) {
    for (const auto& [key, value] : BearerOf(world.TokenOf(subject))) {
      context.AddMetadata(key, value);
    }
    auto stream = world.stub().Chat(&context);
    echo::EchoResponse response;
    EXPECT_TRUE(stream->Write(echo::EchoRequest()) && stream->Read(&response));
    return stream;
  };
  grpc::ClientContext first_context;
  grpc::ClientContext second_context;
  const auto first = chat("usr_a", first_context);
  const auto second = chat("usr_b", second_context);
  EXPECT_EQ(world.guard().Metrics().streams, 2u);
  world.view->Merge({Revoked(RevokedThing::kToken, "tok_usr_a", world.clock.Now())});
  EXPECT_FALSE(first->Finish().ok());
  world.clock.Advance(absl::Hours(1));
  EXPECT_FALSE(second->Finish().ok());
  EXPECT_TRUE(Eventually([&] { return world.guard().Metrics().streams == 0; }));
  EXPECT_EQ(world.guard().Metrics().streams_cut_by_revocation, 1u);
  EXPECT_EQ(world.guard().Metrics().streams_cut_by_expiry, 1u);
}

TEST(GuardMetrics, CountCallsThatWaitForKeysAndThoseForWhichThereWasNoRoom) {
  World::Options options;
  const auto keys = std::make_shared<HeldKeys>(SetOf({NewKey()}));
  options.keys = keys;
  options.adjust = [](GuardOptions& guard) {
    guard.max_parked_calls = 1;
    guard.max_park = absl::Minutes(1);
  };
  World world(options);
  const Headers headers = BearerOf(world.TokenOf("usr_a"));
  auto parked =
      std::async(std::launch::async, [&] { return world.Call(Shape::kUnary, headers).status; });
  ASSERT_TRUE(Eventually([&] { return world.guard().Metrics().parked_calls == 1; }));
  EXPECT_EQ(ReasonIn(world.Call(Shape::kUnary, headers).status), "KEYS_UNAVAILABLE");
  ASSERT_TRUE(Eventually([&] { return keys->fetches() == 1; }));
  keys->Finish(absl::OkStatus());
  EXPECT_EQ(ReasonIn(parked.get()), "TOKEN_UNKNOWN_KEY");
  const auto metrics = world.guard().Metrics();
  EXPECT_EQ(metrics.parked_calls, 0u);
  EXPECT_EQ(metrics.parked_calls_total, 1u);
  EXPECT_EQ(metrics.parked_calls_refused, 1u);
  EXPECT_THAT(DecisionsOf(world.guard()),
              ElementsAre(Pair(std::string(kSay) + " KEYS_UNAVAILABLE", 1),
                          Pair(std::string(kSay) + " TOKEN_UNKNOWN_KEY", 1)));
}

}  // namespace
}  // namespace tessera::testing
