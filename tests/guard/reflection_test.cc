// Health is public; reflection follows its one rule; versions that are not there stay away.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <gtest/gtest.h>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

constexpr char kV1Alpha[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kV1[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
constexpr char kListServices[] = "\x3a\x01*";  // ServerReflectionRequest{list_services: "*"}

std::unique_ptr<World> WorldWith(ReflectionAccess access) {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::EnableDefaultHealthCheckService(true);
  World::Options options;
  options.adjust = [access](GuardOptions& guard) { guard.reflection = access; };
  return std::make_unique<World>(options);
}

TEST(Reflection, OffIsUnimplementedForEverybody) {
  const auto world = WorldWith(ReflectionAccess::kOff);
  for (const Headers& headers : {Headers{}, BearerOf(world->TokenOf("usr_a"))}) {
    EXPECT_EQ(world->CallPath(kV1Alpha, headers, kListServices).error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
}

TEST(Reflection, AuthenticatedAsksForAToken) {
  const auto world = WorldWith(ReflectionAccess::kAuthenticated);
  const grpc::Status refused = world->CallPath(kV1Alpha, {}, kListServices);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(refused), "TOKEN_MISSING");
  const grpc::Status admitted =
      world->CallPath(kV1Alpha, BearerOf(world->TokenOf("usr_a")), kListServices);
  EXPECT_TRUE(admitted.ok()) << admitted.error_message();
}

TEST(Reflection, PublicAsksForNothing) {
  const auto world = WorldWith(ReflectionAccess::kPublic);
  const grpc::Status status = world->CallPath(kV1Alpha, {}, kListServices);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST(Reflection, AVersionThatIsNotRegisteredIsUnimplementedSoThatClientsFallBack) {
  for (const auto access : {ReflectionAccess::kPublic, ReflectionAccess::kAuthenticated}) {
    const auto world = WorldWith(access);
    for (const Headers& headers : {Headers{}, BearerOf(world->TokenOf("usr_a"))}) {
      EXPECT_EQ(world->CallPath(kV1, headers, kListServices).error_code(),
                grpc::StatusCode::UNIMPLEMENTED);
    }
  }
}

TEST(Health, IsPublic) {
  const auto world = WorldWith(ReflectionAccess::kOff);
  const grpc::Status status = world->CallPath("/grpc.health.v1.Health/Check", {});
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace tessera::testing
