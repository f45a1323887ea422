// Two tesserads on one MariaDB, and a guarded service that hangs on each.
#ifndef TESSERA_TESTS_E2E_REPLICAS_H_
#define TESSERA_TESTS_E2E_REPLICAS_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/calls.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {

class Replicas : public ::testing::Test {
 protected:
  static constexpr char kPassword[] = "alices password";

  Replicas();
  // Both run; `alice` is a user.
  void SetUp() override;

  // For the orders service; with a session of its own.
  v1::TokenGrant LoginAlice() { return a_.Login("alice", kPassword, "orders"); }
  std::string AliceToken() { return LoginAlice().access_token(); }
  std::vector<std::string> AliceTokens(int count);

  // The guards; made at the first call.
  GuardedOrders& OrdersAtA() { return Orders(orders_a_, a_); }
  GuardedOrders& OrdersAtB() { return Orders(orders_b_, b_); }

  // True when both replicas and both guards say `verdict` of it, soon.
  bool AllSay(const std::string& verdict, const std::string& token);
  // Nobody says anything else, now.
  void ExpectAllSay(const std::string& verdict, const std::vector<std::string>& tokens);
  // The feed's rows: numbered without a gap up to the feed's own number.
  void ExpectNoGap();

  MariaDbDatabase database_;
  std::shared_ptr<Installation> installation_;
  Tesserad a_, b_;
  std::unique_ptr<v1::AuthService::Stub> auth_a_, auth_b_;
  std::string alice_;

 private:
  static GuardedOrders& Orders(std::unique_ptr<GuardedOrders>& orders, Tesserad& server);

  std::unique_ptr<GuardedOrders> orders_a_, orders_b_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_REPLICAS_H_
