#include "server/rpc/health.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "grpc/health/v1/health.pb.h"

namespace tessera::server {
namespace {

using Answer = grpc::health::v1::HealthCheckResponse;

// A server of its own with nothing but health.
class HealthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EnableHealth();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials());
  }
  void TearDown() override { server_->Shutdown(); }

  Answer::ServingStatus Ask() {
    const grpc::Slice slice(grpc::health::v1::HealthCheckRequest().SerializeAsString());
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    std::promise<grpc::Status> ended;
    grpc::GenericStub(channel_).UnaryCall(
        &context, "/grpc.health.v1.Health/Check", {}, &request, &response,
        [&](grpc::Status status) { ended.set_value(std::move(status)); });
    const grpc::Status status = ended.get_future().get();
    EXPECT_TRUE(status.ok()) << status.error_message();
    grpc::Slice whole;
    Answer answer;
    EXPECT_TRUE(response.TrySingleSlice(&whole).ok());
    answer.ParseFromArray(whole.begin(), static_cast<int>(whole.size()));
    return answer.status();
  }

  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(HealthTest, SaysServingOnlyOnceEveryObstacleIsGone) {
  Health health(NoLog());
  health.Tell(*server_);
  EXPECT_EQ(Ask(), Answer::NOT_SERVING);
  health.Set(Obstacle::kViewNotLoaded, false);
  EXPECT_EQ(Ask(), Answer::NOT_SERVING);
  health.Set(Obstacle::kClockDiffers, false);
  EXPECT_EQ(Ask(), Answer::SERVING);
}

TEST_F(HealthTest, AnyOneObstacleIsEnoughToStopIt) {
  Health health(NoLog());
  health.Tell(*server_);
  health.Set(Obstacle::kViewNotLoaded, false);
  health.Set(Obstacle::kClockDiffers, false);
  for (const Obstacle obstacle :
       {Obstacle::kViewNotLoaded, Obstacle::kClockDiffers, Obstacle::kDraining}) {
    health.Set(obstacle, true);
    EXPECT_EQ(Ask(), Answer::NOT_SERVING);
    health.Set(obstacle, false);
    EXPECT_EQ(Ask(), Answer::SERVING);
  }
}

TEST_F(HealthTest, WhatWasSetBeforeThereWasAServerCounts) {
  Health health(NoLog());
  health.Set(Obstacle::kViewNotLoaded, false);
  health.Set(Obstacle::kClockDiffers, false);
  health.Tell(*server_);
  EXPECT_EQ(Ask(), Answer::SERVING);
}

TEST_F(HealthTest, AServerThatWasLeftIsToldNothingMore) {
  Health health(NoLog());
  health.Tell(*server_);
  health.Leave();
  health.Set(Obstacle::kViewNotLoaded, false);
  health.Set(Obstacle::kClockDiffers, false);
  EXPECT_EQ(Ask(), Answer::NOT_SERVING);
}

}  // namespace
}  // namespace tessera::server
