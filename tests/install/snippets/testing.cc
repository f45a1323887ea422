// The body of a test, with a service of one's own.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <tessera/testing/fake_issuer.h>
#include <tessera/testing/guarded_server.h>

#include "orders.grpc.pb.h"

using namespace tessera::testing;  // NOLINT: as in a test
using orders::v1::CancelOrderRequest;
using orders::v1::CancelOrderResponse;
using orders::v1::OrderService;

class OrdersService : public OrderService::Service {
 public:
  explicit OrdersService(const tessera::Guard& guard);
};
// EACH
void Test() {
  {
    // SNIPPET
  }
}
