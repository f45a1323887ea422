// A program that serves: its options, its builder, its way to tesserad.
#include <grpcpp/grpcpp.h>
#include <tessera/caller/caller.h>
#include <tessera/guard/guard.h>

#include <iostream>

#include "orders.grpc.pb.h"

int Fail(const absl::Status& status);
// EACH
int Serve(tessera::GuardOptions options, std::shared_ptr<grpc::Channel> channel,
          std::shared_ptr<grpc::Channel> feed_channel,
          std::shared_ptr<grpc::ChannelCredentials> credentials, tessera::LogSink& log,
          tessera::Guard& guard, grpc::ServerBuilder& builder, grpc::Service& orders,
          grpc::Server& server) {
  {
    // SNIPPET
  }
  return 0;
}
