// A program that calls: its options, its caller, its credentials for the connection.
#include <grpcpp/grpcpp.h>
#include <tessera/caller/caller.h>
#include <tessera/caller/reason.h>

#include <iostream>

#include "orders.grpc.pb.h"

using orders::v1::OrderService;
int Fail(const absl::Status& status);
// EACH
int Call(tessera::CallerOptions options, std::shared_ptr<grpc::Channel> auth_server,
         std::shared_ptr<grpc::ChannelCredentials> credentials, tessera::SecretSource read_password,
         tessera::LogSink& log, tessera::Caller& caller, OrderService::Stub& orders) {
  {
    // SNIPPET
  }
  return 0;
}
