// A service and a caller, as whole as it takes to link them: for `sh building`.
#include <grpcpp/grpcpp.h>
#include <tessera/caller/caller.h>
#include <tessera/guard/guard.h>

#include "orders.grpc.pb.h"

class Orders final : public orders::v1::OrderService::Service {};

int main() {
  Orders orders;
  grpc::ServerBuilder builder;
  builder.RegisterService(&orders);
  const bool without_options = tessera::Guard::Create(tessera::GuardOptions()).ok() ||
                               tessera::Caller::Create(tessera::CallerOptions()).ok();
  return without_options ? 1 : 0;
}
