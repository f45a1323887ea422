// A token that travels: given to one service, exchanged there for one for a second service, and
// refused by the second one's guard when the first token ends. On SQLite with one server, on
// MariaDB with two: what is done at the one is noticed at a guard of the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

constexpr char kPassword[] = "alices password";

class Exchanged : public Servers {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartServers());
    alice_ = here().AddUser("alice", kPassword);
    auth_ = here().Auth();
    AddOrdersAccount();
    orders_ = std::make_unique<GuardedOrders>(here(), Transport::kPlaintext, Api::kCallback);
    billing_ =
        std::make_unique<GuardedOrders>(there(), Transport::kPlaintext, Api::kCallback, "billing");
    session_ = here().Login("alice", kPassword, "orders");
    exchanged_ = Exchange(session_.access_token());
  }

  // The account of the orders service: it serves `orders`, and may ask `billing`.
  void AddOrdersAccount() {
    admin_ = here().LoginAdmin().access_token();
    v1::CreateServiceAccountRequest request;
    v1::ServiceAccount& account = *request.mutable_service_account();
    account.set_name("orders");
    for (const char* audience : {"tessera", "billing"}) account.add_audiences(audience);
    account.add_served_audiences("orders");
    v1::CreateServiceAccountResponse response;
    const grpc::Status status =
        here().Users()->CreateServiceAccount(ContextWith({admin_}).get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    service_ = response.service_account().id();
    secret_ = response.secret();
  }
  // What the orders service makes of a token that it was sent; empty if it is refused.
  std::string Exchange(const std::string& subject_token) {
    v1::IssueTokenRequest issue;
    issue.set_secret(secret_);
    v1::IssueTokenResponse own;
    EXPECT_TRUE(auth_->IssueToken(ContextWith({}).get(), issue, &own).ok());
    v1::ExchangeTokenRequest request;
    request.set_subject_token(subject_token);
    request.set_audience("billing");
    v1::ExchangeTokenResponse response;
    const grpc::Status status =
        auth_->ExchangeToken(ContextWith({own.access_token()}).get(), request, &response);
    reason_ = ReasonOf(status);
    return response.access_token();
  }
  bool SoonAtBilling(const std::string& verdict) {
    return Within(kSoon, [&] { return Verdict(*billing_, exchanged_) == verdict; });
  }

  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::string alice_, admin_, service_, secret_;
  std::unique_ptr<GuardedOrders> orders_;   // hangs on here()
  std::unique_ptr<GuardedOrders> billing_;  // hangs on there()
  v1::TokenGrant session_;
  std::string exchanged_, reason_;
};

INSTANTIATE_TEST_SUITE_P(On, Exchanged, BothEngines(), EngineName);

TEST_P(Exchanged, IsAdmittedBySecondServiceAsTheUserAndByNobodyElse) {
  orders::v1::ListMyOrdersResponse response;
  const grpc::Status status =
      billing_->Stub()->ListMyOrders(ContextWith({exchanged_}).get(), {}, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.orders(0).item(), alice_);
  EXPECT_EQ(Verdict(*orders_, exchanged_), "TOKEN_AUDIENCE");
  EXPECT_EQ(Verdict(*billing_, session_.access_token()), "TOKEN_AUDIENCE") << "not the first one";
  v1::ValidateTokenRequest ask;
  ask.set_token(exchanged_);
  v1::ValidateTokenResponse known;
  ASSERT_TRUE(auth_->ValidateToken(ContextWith({}).get(), ask, &known).ok());
  ASSERT_EQ(known.actors_size(), 1);
  EXPECT_EQ(known.actors(0), service_);
  EXPECT_LE(known.expires_at().seconds(), session_.access_expires_at().seconds());
}

TEST_P(Exchanged, IsRefusedWhenTheTokenThatItWasMadeOfIsRevoked) {
  ASSERT_TRUE(SoonAtBilling("ACTIVE"));
  ASSERT_TRUE(Revoke(*auth_, session_.access_token()).ok());
  EXPECT_TRUE(SoonAtBilling("TOKEN_REVOKED"));
  EXPECT_EQ(Exchange(session_.access_token()), "");
  EXPECT_EQ(reason_, "TOKEN_REVOKED");
}

TEST_P(Exchanged, IsRefusedWhenTheSessionEnds) {
  ASSERT_TRUE(SoonAtBilling("ACTIVE"));
  ASSERT_TRUE(Logout(*auth_, session_.refresh_token()).ok());
  EXPECT_TRUE(SoonAtBilling("TOKEN_REVOKED"));
}

TEST_P(Exchanged, IsRefusedWhenTheUserIsDeleted) {
  ASSERT_TRUE(SoonAtBilling("ACTIVE"));
  v1::DeleteUserRequest request;
  request.set_user_id(alice_);
  v1::DeleteUserResponse response;
  ASSERT_TRUE(here().Users()->DeleteUser(ContextWith({admin_}).get(), request, &response).ok());
  EXPECT_TRUE(SoonAtBilling("TOKEN_REVOKED"));
}

TEST_P(Exchanged, IsRefusedWhenTheServiceThatActsIsDeleted) {
  ASSERT_TRUE(SoonAtBilling("ACTIVE"));
  v1::DeleteServiceAccountRequest request;
  request.set_service_account_id(service_);
  v1::DeleteServiceAccountResponse response;
  ASSERT_TRUE(
      here().Users()->DeleteServiceAccount(ContextWith({admin_}).get(), request, &response).ok());
  EXPECT_TRUE(SoonAtBilling("TOKEN_REVOKED"));
  EXPECT_EQ(Verdict(*orders_, session_.access_token()), "ACTIVE") << "the user's own goes on";
}

TEST_P(Exchanged, IsRefusedWhenTheTokenThatItWasMadeOfHasExpired) {
  ASSERT_TRUE(SoonAtBilling("ACTIVE"));
  here().clock().Advance(absl::Minutes(15) + absl::Seconds(6));
  EXPECT_EQ(Verdict(*billing_, exchanged_), "TOKEN_EXPIRED");
}

}  // namespace
}  // namespace tessera::testing
