// A handler of a guarded service.
#include <grpcpp/grpcpp.h>
#include <tessera/caller/caller.h>
#include <tessera/guard/guard.h>

#include <string>

#include "orders.grpc.pb.h"

void Log(const std::string& line);
// EACH
grpc::Status Handle(const tessera::Guard& guard, tessera::Caller& billing_caller,
                    grpc::ServerContext* context) {
  {
    // SNIPPET
  }
  return grpc::Status::OK;
}
