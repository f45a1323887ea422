// A token whose key is not known yet: the call waits for the one shared fetch.
#include <gtest/gtest.h>

#include <future>

#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

class UnknownKey : public ::testing::TestWithParam<Api> {
 protected:
  World& Make(const std::function<void(GuardOptions&)>& adjust = [](GuardOptions&) {}) {
    World::Options options;
    options.api = GetParam();
    options.keys = keys_;
    options.adjust = [adjust](GuardOptions& guard) {
      guard.max_park = absl::Seconds(30);
      adjust(guard);
    };
    world_ = std::make_unique<World>(options);
    token_ = world_->TokenOf("usr_a");
    return *world_;
  }
  std::future<Outcome> CallInBackground(Shape shape = Shape::kUnary) {
    return std::async(std::launch::async,
                      [this, shape] { return world_->Call(shape, BearerOf(token_)); });
  }
  bool FetchHasBegun() {
    return Eventually([this] { return keys_->fetches() > 0; });
  }

  const std::shared_ptr<HeldKeys> keys_ = std::make_shared<HeldKeys>();
  std::unique_ptr<World> world_;
  std::string token_;
};

TEST_P(UnknownKey, TheCallWaitsAndIsAdmittedWithTheNewKeys) {
  World& world = Make();
  for (const Shape shape :
       {Shape::kUnary, Shape::kClientStream, Shape::kServerStream, Shape::kBidi}) {
    keys_->Set(SetOf({NewKey()}));
    const int before = keys_->fetches();
    auto call = CallInBackground(shape);
    ASSERT_TRUE(Eventually([&] { return keys_->fetches() == before + 1; }));
    keys_->Set(SetOf({NewKey(), world.key}));
    keys_->Finish(absl::OkStatus());
    const Outcome outcome = call.get();
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.replies[0].subject(), "usr_a");
  }
}

TEST_P(UnknownKey, FetchedWithoutItTheTokenIsRefused) {
  World& world = Make();
  keys_->Set(SetOf({NewKey()}));
  auto call = CallInBackground();
  ASSERT_TRUE(FetchHasBegun());
  keys_->Finish(absl::OkStatus());
  const Outcome outcome = call.get();
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(outcome.status), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(world.entered(), 0);
}

TEST_P(UnknownKey, AFailedFetchIsUnavailable) {
  World& world = Make();
  auto call = CallInBackground();
  ASSERT_TRUE(FetchHasBegun());
  keys_->Finish(absl::UnavailableError("away"));
  const Outcome outcome = call.get();
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(outcome.status), "KEYS_UNAVAILABLE");
  EXPECT_EQ(world.entered(), 0);
}

TEST_P(UnknownKey, AFetchThatDoesNotEndIsUnavailableAfterMaxPark) {
  World& world = Make([](GuardOptions& guard) { guard.max_park = absl::Milliseconds(20); });
  const Outcome outcome = world.Call(Shape::kUnary, BearerOf(token_));
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(outcome.status), "KEYS_UNAVAILABLE");
  EXPECT_EQ(world.entered(), 0);
}

TEST_P(UnknownKey, ACallThatIsGivenUpWhileItWaitsHarmsNobody) {
  World& world = Make();
  // The server's own timers answer them all, given up or not; some never got as far as the server.
  const auto answered = [&] { return world.log.CountOf("KEYS_UNAVAILABLE"); };
  for (int sent = 0; answered() < 20 && sent < 1000; ++sent) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + token_);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(10));
    echo::EchoResponse response;
    const grpc::Status status = world.stub().Say(&context, echo::EchoRequest(), &response);
    // Either clock may be the first to see it.
    EXPECT_TRUE(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
                status.error_code() == grpc::StatusCode::UNAVAILABLE)
        << status.error_code();
  }
  ASSERT_TRUE(Eventually([&] { return answered() >= 20; }));
  keys_->Set(SetOf({world.key}));
  keys_->Finish(absl::OkStatus());
  EXPECT_TRUE(world.Call(Shape::kUnary, BearerOf(token_)).status.ok());
  // One that was given up may have arrived only now, and its token is good by now.
  EXPECT_GE(world.entered(), 1);
}

TEST_P(UnknownKey, BeyondTheCapItIsUnavailableAtOnce) {
  World& world = Make([](GuardOptions& guard) { guard.max_parked_calls = 1; });
  auto parked = CallInBackground();
  ASSERT_TRUE(FetchHasBegun());
  const Outcome refused = world.Call(Shape::kUnary, BearerOf(token_));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(refused.status), "KEYS_UNAVAILABLE");
  keys_->Set(SetOf({world.key}));
  keys_->Finish(absl::OkStatus());
  EXPECT_TRUE(parked.get().status.ok());
}

TEST_P(UnknownKey, AParkedCallWithoutDeadlineDoesNotStopTheShutdown) {
  World& world = Make();
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + token_);
  echo::EchoRequest request;
  echo::EchoResponse response;
  auto call = std::async(std::launch::async,
                         [&] { return world.stub().Say(&context, request, &response); });
  ASSERT_TRUE(FetchHasBegun());
  const absl::Duration start = SystemClock().Monotonic();
  world.guard().Drain();
  world.server().Shutdown();
  EXPECT_LT(SystemClock().Monotonic() - start, absl::Seconds(5));
  EXPECT_EQ(call.get().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(world.entered(), 0);
}

TEST_P(UnknownKey, AfterDrainKnownTokensStillPassAndUnknownOnesDoNotWait) {
  World& world = Make();
  keys_->Set(SetOf({world.key}));
  world.guard().Drain();
  EXPECT_TRUE(world.Call(Shape::kUnary, BearerOf(token_)).status.ok());
  const Outcome refused =
      world.Call(Shape::kUnary, BearerOf(Sign(ClaimsFor("usr_a", world.clock.Now()), NewKey())));
  EXPECT_EQ(ReasonIn(refused.status), "KEYS_UNAVAILABLE");
}

INSTANTIATE_TEST_SUITE_P(Apis, UnknownKey, ::testing::Values(Api::kSync, Api::kCallback),
                         [](const auto& one) {
                           return one.param == Api::kSync ? "Sync" : "Callback";
                         });

}  // namespace
}  // namespace tessera::testing
