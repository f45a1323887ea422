// A method that asks for the device: the token's own, named once, and no other.
#include <gtest/gtest.h>

#include <future>

#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

constexpr char kSay[] = "/tessera.test.guard.Echo/Say";
constexpr char kDevice[] = "a-laptop-0123456789";

class DeviceBinding : public ::testing::Test {
 protected:
  static World::Options Options() {
    World::Options options;
    options.adjust = [](GuardOptions& guard) {
      Rule rule;
      rule.admission = Admission::kAuthenticated;
      rule.device_bound = true;
      guard.rules[kSay] = rule;
    };
    return options;
  }
  static Headers HeadersOf(World& world, const std::string& bound_to,
                           const std::vector<std::string>& shown) {
    Claims claims = ClaimsFor("usr_a", world.clock.Now());
    if (!bound_to.empty()) claims.device_hash = DeviceHash(bound_to);
    Headers headers = BearerOf(Sign(claims, world.key));
    for (const std::string& device : shown) headers.emplace_back("tessera-device-id", device);
    return headers;
  }
  Outcome Say(const std::string& bound_to, const std::vector<std::string>& shown) {
    return world_.Call(Shape::kUnary, HeadersOf(world_, bound_to, shown));
  }

  World world_{Options()};
};

TEST_F(DeviceBinding, TheTokensDeviceAdmits) {
  const Outcome outcome = Say(kDevice, {kDevice});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
}

TEST_F(DeviceBinding, ATokenWithoutADeviceIsNotEnough) {
  const Outcome outcome = Say("", {kDevice});
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonIn(outcome.status), "DEVICE_REQUIRED");
}

TEST_F(DeviceBinding, NoneAnotherOrSeveralAreAMismatch) {
  const std::string device = kDevice;
  for (const std::vector<std::string>& shown :
       std::vector<std::vector<std::string>>{{},
                                             {""},
                                             {device + "0"},
                                             {device + ", " + device},
                                             {device, device},
                                             {"another-0123456789", device},
                                             {device, "another-0123456789"}}) {
    const Outcome outcome = Say(device, shown);
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << shown.size();
    EXPECT_EQ(ReasonIn(outcome.status), "DEVICE_MISMATCH") << outcome.status.error_message();
  }
  EXPECT_EQ(world_.entered(), 0);
}

// gRPC hands the value on as it came, so a space makes another device of it.
TEST_F(DeviceBinding, SpaceAroundTheIdIsPartOfIt) {
  for (const std::string& shown : {std::string(kDevice) + " ", " " + std::string(kDevice)}) {
    EXPECT_EQ(ReasonIn(Say(kDevice, {shown}).status), "DEVICE_MISMATCH") << shown;
  }
}

TEST_F(DeviceBinding, OtherMethodsDoNotAsk) {
  const Outcome outcome = world_.Call(Shape::kBidi, HeadersOf(world_, kDevice, {}));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
}

TEST_F(DeviceBinding, ACallThatWaitsForKeysIsHeldAgainstItsOwnDevice) {
  const auto keys = std::make_shared<HeldKeys>();
  World::Options options = Options();
  options.keys = keys;
  World world(options);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{kDevice}, ""}, {{}, "DEVICE_MISMATCH"}, {{kDevice, kDevice}, "DEVICE_MISMATCH"}};
  for (const auto& [shown, reason] : cases) {
    keys->Set(SetOf({NewKey()}));
    const int before = keys->fetches();
    const Headers headers = HeadersOf(world, kDevice, shown);
    auto call = std::async(std::launch::async, [&] { return world.Call(Shape::kUnary, headers); });
    ASSERT_TRUE(Eventually([&] { return keys->fetches() > before; }));
    keys->Set(SetOf({world.key}));
    keys->Finish(absl::OkStatus());
    EXPECT_EQ(ReasonIn(call.get().status), reason);
  }
}

// With token and device id a service could call others as its caller.
TEST_F(DeviceBinding, NoHandlerSeesADeviceId) {
  for (const Shape shape :
       {Shape::kUnary, Shape::kClientStream, Shape::kServerStream, Shape::kBidi}) {
    const Outcome outcome = world_.Call(shape, HeadersOf(world_, kDevice, {kDevice}));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.replies[0].subject(), "usr_a");
    EXPECT_FALSE(outcome.replies[0].saw_token());
  }
}

// Where nobody looks at tokens, too: with one, and without.
TEST_F(DeviceBinding, NoHandlerOfAPublicMethodSeesOneEither) {
  const std::string id = "tessera-device-id";
  for (const Headers& headers :
       {HeadersOf(world_, kDevice, {kDevice}), Headers{{id, kDevice}},
        Headers{{id, kDevice}, {id, "another"}}, Headers{{id, ""}, {"cookie", "a=1"}}}) {
    const Outcome outcome = world_.Open(headers);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_TRUE(outcome.replies[0].anonymous());
    EXPECT_FALSE(outcome.replies[0].saw_token());
  }
}

TEST_F(DeviceBinding, HandlersSeeThemOnlyWhereTheGuardsOwnerSaysSo) {
  World::Options options;
  options.adjust = [](GuardOptions& guard) { guard.reveal_device_ids_to_handlers = true; };
  World world(options);
  const Outcome said = world.Call(Shape::kUnary, HeadersOf(world, kDevice, {kDevice}));
  ASSERT_TRUE(said.status.ok()) << said.status.error_message();
  EXPECT_TRUE(said.replies[0].saw_token());
  EXPECT_TRUE(world.Open({{"tessera-device-id", kDevice}}).replies[0].saw_token());
  // It reveals nothing else.
  EXPECT_FALSE(world.Call(Shape::kUnary, HeadersOf(world, kDevice, {})).replies[0].saw_token());
  EXPECT_FALSE(world.Open(HeadersOf(world, kDevice, {})).replies[0].saw_token());
}

}  // namespace
}  // namespace tessera::testing
