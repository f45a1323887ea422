// Only the exact path of a registered method leads to a rule, and so to a handler.
#include <gtest/gtest.h>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

class Paths : public ::testing::TestWithParam<Api> {};

TEST_P(Paths, AVariantOfAPathIsNobodysAndReachesNoHandler) {
  World::Options options;
  options.api = GetParam();
  World world(options);
  const Headers good = BearerOf(world.TokenOf("usr_a"));
  for (const char* path :
       {"//tessera.test.guard.Echo/Open", "/tessera.test.guard.Echo//Open",
        "/tessera.test.guard.Echo/Open/", "/tessera.test.guard.Echo/open",
        "/TESSERA.test.guard.Echo/Open", "/tessera.test.guard.Echo%2FOpen",
        "/tessera.test.guard.Echo/%4fpen", "/tessera.test.guard.Echo/Open?x=1",
        "/tessera.test.guard.Echo/Open#x",
        "/tessera.test.guard.Echo/../tessera.test.guard.Echo/Open",
        "/tessera.test.guard.Echo/Open ", "/tessera.test.guard.Echo/", "/tessera.test.guard.Echo",
        "/", "/tessera.test.guard.Forgetful/Remembered", "/grpc.reflection.v1.ServerReflection/X",
        "/grpc.health.v1.Health/Other"}) {
    for (const Headers& headers : {Headers{}, good}) {
      const grpc::Status status = world.CallPath(path, headers);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED)
          << path << ": " << status.error_message();
    }
  }
  EXPECT_EQ(world.entered(), 0);
  EXPECT_TRUE(world.CallPath("/tessera.test.guard.Echo/Open", {}).ok());
  EXPECT_TRUE(world.CallPath("/tessera.test.guard.Echo/Say", good).ok());
  EXPECT_EQ(world.entered(), 2);
}

INSTANTIATE_TEST_SUITE_P(Apis, Paths, ::testing::Values(Api::kSync, Api::kCallback),
                         [](const auto& one) {
                           return one.param == Api::kSync ? "Sync" : "Callback";
                         });

}  // namespace
}  // namespace tessera::testing
