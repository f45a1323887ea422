// The orders service behind a guard that hangs on a real tesserad, counting how often a handler was
// entered.
#ifndef TESSERA_TESTS_E2E_GUARDED_ORDERS_H_
#define TESSERA_TESTS_E2E_GUARDED_ORDERS_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "orders.grpc.pb.h"
#include "tessera/caller/caller.h"
#include "tessera/guard/guard.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

enum class Api { kSync, kCallback };

class GuardedOrders {
 public:
  // `tesserad` runs, and outlives this. The feed runs as a service account. `audience`: that of the
  // tokens that it admits.
  GuardedOrders(Tesserad& tesserad, Transport transport, Api api,
                const std::string& audience = "orders");
  ~GuardedOrders();

  std::unique_ptr<orders::v1::OrderService::Stub> Stub() const {
    return orders::v1::OrderService::NewStub(channel_);
  }
  const std::string& address() const { return address_; }
  // How often any handler was entered.
  int entries() const { return entries_; }

 private:
  void Start(Tesserad& tesserad, Transport transport, Api api);

  std::atomic<int> entries_ = 0;
  std::shared_ptr<Caller> caller_;
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_GUARDED_ORDERS_H_
