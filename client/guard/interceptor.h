// The guard's place beside the handler: tells it who calls, hides the token, watches streams.
#ifndef TESSERA_GUARD_INTERCEPTOR_H_
#define TESSERA_GUARD_INTERCEPTOR_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

#include "tessera/guard/core.h"

namespace tessera::guard {

// Made for every call of a server, but for a public method's without a token: there is nothing to
// tell, hide or watch, and gRPC takes each batch of an intercepted call through its completion
// queue once more. It cannot refuse (gRPC gives server interceptors no such way): the processor has
// done that. Should no principal be found, the call is cancelled with the refusal, and its handler
// sees an anonymous caller.
class InterceptorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit InterceptorFactory(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_INTERCEPTOR_H_
