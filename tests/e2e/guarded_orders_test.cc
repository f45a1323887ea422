// A guarded service and a real tesserad: what is refused never reaches the handler.
#include "tests/e2e/guarded_orders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tessera/token/token_signer.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;
using ::testing::Combine;
using ::testing::Values;

class GuardedService : public ::testing::TestWithParam<std::tuple<Transport, Api>> {
 protected:
  GuardedService()
      : tesserad_({.transport = std::get<0>(GetParam()), .extra_config = "", .run_under = {}}) {}

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(tesserad_.Start());
    tesserad_.AddRole("orders.admin", {"orders"});
    alice_ = tesserad_.AddUser("alice", "alices password");
    orders_ = std::make_unique<GuardedOrders>(tesserad_, std::get<0>(GetParam()),
                                              std::get<1>(GetParam()));
  }

  std::string AliceToken(const std::string& audience = "orders") {
    return tesserad_.Login("alice", "alices password", audience).access_token();
  }

  struct Answer {
    grpc::StatusCode code;
    std::string reason;
    std::string seen_caller;
    bool entered;
  };
  Answer ListMyOrders(const std::vector<std::string>& tokens) {
    const int before = orders_->entries();
    pb::ListMyOrdersResponse response;
    const grpc::Status status =
        orders_->Stub()->ListMyOrders(ContextWith(tokens).get(), {}, &response);
    return {status.error_code(), ReasonOf(status),
            response.orders_size() > 0 ? response.orders(0).item() : "",
            orders_->entries() > before};
  }
  Answer CancelOrder(const std::string& token) {
    const int before = orders_->entries();
    pb::CancelOrderResponse response;
    const grpc::Status status =
        orders_->Stub()->CancelOrder(ContextWith({token}).get(), {}, &response);
    return {status.error_code(), ReasonOf(status), response.order().item(),
            orders_->entries() > before};
  }
  void ExpectRefused(const Answer& answer, grpc::StatusCode code, const std::string& reason) {
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.reason, reason);
    EXPECT_FALSE(answer.entered);
    EXPECT_EQ(answer.seen_caller, "");
  }
  void Revoke(const std::string& token) {
    v1::RevokeTokenRequest request;
    request.set_token(token);
    v1::RevokeTokenResponse response;
    EXPECT_TRUE(tesserad_.Auth()->RevokeToken(ContextWith({}).get(), request, &response).ok());
  }
  // The feed is asynchronous: asks until the guard knows, at most ten seconds.
  Answer AskUntilRefused(const std::string& token) {
    Answer answer{};
    for (int tries = 0; tries < 1000; ++tries) {
      answer = ListMyOrders({token});
      if (answer.code != grpc::StatusCode::OK) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return answer;
  }

  Tesserad tesserad_;
  std::string alice_;
  std::unique_ptr<GuardedOrders> orders_;
};

INSTANTIATE_TEST_SUITE_P(Everywhere, GuardedService,
                         Combine(Values(Transport::kPlaintext, Transport::kTls),
                                 Values(Api::kSync, Api::kCallback)),
                         [](const auto& each) {
                           return absl::StrCat(
                               std::get<0>(each.param) == Transport::kTls ? "Tls" : "Plaintext",
                               std::get<1>(each.param) == Api::kSync ? "Sync" : "Callback");
                         });

TEST_P(GuardedService, GoodTokenIsAdmittedAsItsUser) {
  const Answer answer = ListMyOrders({AliceToken()});
  EXPECT_EQ(answer.code, grpc::StatusCode::OK);
  EXPECT_EQ(answer.seen_caller, alice_);
}

TEST_P(GuardedService, PublicMethodNeedsNoToken) {
  pb::GetStatusResponse response;
  EXPECT_TRUE(orders_->Stub()->GetStatus(ContextWith({}).get(), {}, &response).ok());
  EXPECT_EQ(response.status(), "open");
}

TEST_P(GuardedService, NoTokenTwoTokensAndRubbishAreRefused) {
  const std::string token = AliceToken();
  ExpectRefused(ListMyOrders({}), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MISSING");
  ExpectRefused(ListMyOrders({token, token}), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MULTIPLE");
  ExpectRefused(ListMyOrders({"rubbish"}), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MALFORMED");
}

TEST_P(GuardedService, ForgedTokenIsRefused) {
  std::string forged = AliceToken();
  forged.back() = forged.back() == 'A' ? 'Q' : 'A';  // both end in zero bits
  const Answer answer = ListMyOrders({forged});
  ExpectRefused(answer, grpc::StatusCode::UNAUTHENTICATED, "TOKEN_SIGNATURE");
}

TEST_P(GuardedService, TokenOfAForeignKeyIsRefused) {
  Claims claims;
  claims.issuer = Tesserad::kIssuer;
  claims.subject = alice_;
  claims.audience = "orders";
  claims.client_id = "tessera";
  claims.token_id = TokenId("tok_foreign");
  claims.issued_at = claims.not_before = tesserad_.clock().Now();
  claims.expires_at = claims.issued_at + absl::Minutes(5);
  claims.roles = {"orders.admin"};
  const Secret token = *SignAccessToken(claims, *SigningKey::Generate(Algorithm::kEs256));
  ExpectRefused(ListMyOrders({std::string(token.Reveal())}), grpc::StatusCode::UNAUTHENTICATED,
                "TOKEN_UNKNOWN_KEY");
}

TEST_P(GuardedService, TokenForAnotherAudienceIsRefused) {
  for (const char* audience : {"billing", ""}) {
    ExpectRefused(ListMyOrders({AliceToken(audience)}), grpc::StatusCode::UNAUTHENTICATED,
                  "TOKEN_AUDIENCE");
  }
}

TEST_P(GuardedService, RoleIsAskedForAndCarriedFromTheNextRenewalOn) {
  const v1::TokenGrant grant = tesserad_.Login("alice", "alices password", "orders");
  ExpectRefused(CancelOrder(grant.access_token()), grpc::StatusCode::PERMISSION_DENIED,
                "ROLE_REQUIRED");

  v1::GrantRoleRequest role;
  role.set_role("orders.admin");
  role.set_user_id(alice_);
  v1::GrantRoleResponse granted;
  ASSERT_TRUE(
      tesserad_.Users()
          ->GrantRole(ContextWith({tesserad_.LoginAdmin().access_token()}).get(), role, &granted)
          .ok());
  v1::RenewTokenRequest renew;
  renew.set_refresh_token(grant.refresh_token());
  v1::RenewTokenResponse renewed;
  ASSERT_TRUE(tesserad_.Auth()->RenewToken(ContextWith({}).get(), renew, &renewed).ok());
  const Answer answer = CancelOrder(renewed.grant().access_token());
  EXPECT_EQ(answer.code, grpc::StatusCode::OK);
  EXPECT_EQ(answer.seen_caller, alice_);
}

TEST_P(GuardedService, ExpiredTokenIsRefused) {
  const std::string token = AliceToken();
  EXPECT_EQ(ListMyOrders({token}).code, grpc::StatusCode::OK);
  tesserad_.clock().Advance(absl::Minutes(15) + absl::Seconds(6));
  ExpectRefused(ListMyOrders({token}), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_EXPIRED");
}

TEST_P(GuardedService, RevokedTokenIsRefusedOnceTheFeedHasBroughtIt) {
  const std::string kept = AliceToken(), revoked = AliceToken();
  EXPECT_EQ(ListMyOrders({revoked}).code, grpc::StatusCode::OK);
  Revoke(revoked);
  ExpectRefused(AskUntilRefused(revoked), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED");
  EXPECT_EQ(ListMyOrders({kept}).code, grpc::StatusCode::OK);
}

TEST_P(GuardedService, DeletedUsersTokensAreRefused) {
  const std::string token = AliceToken();
  v1::DeleteUserRequest request;
  request.set_user_id(alice_);
  v1::DeleteUserResponse response;
  const std::string admin = tesserad_.LoginAdmin().access_token();
  ASSERT_TRUE(tesserad_.Users()->DeleteUser(ContextWith({admin}).get(), request, &response).ok());
  ExpectRefused(AskUntilRefused(token), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED");
}

TEST_P(GuardedService, LiveStreamIsCutWhenItsTokenIsRevoked) {
  const std::string token = AliceToken();
  const auto context = ContextWith({token});
  const auto stream = orders_->Stub()->WatchOrders(context.get(), {});
  pb::WatchOrdersResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.order().item(), alice_);
  Revoke(token);
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "TOKEN_REVOKED");
}

TEST_P(GuardedService, GuardGoesOnWhileTesseradIsAwayAndCatchesUpAfterwards) {
  const std::string token = AliceToken(), revoked = AliceToken();
  Revoke(revoked);
  AskUntilRefused(revoked);
  tesserad_.KillHard();
  EXPECT_EQ(ListMyOrders({token}).code, grpc::StatusCode::OK);
  ExpectRefused(ListMyOrders({revoked}), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED");
}

TEST_P(GuardedService, IdentitiesNeverMixOnASharedChannel) {
  constexpr int kUsers = 40, kThreads = 16, kCallsEach = 60;
  std::vector<std::pair<std::string, std::string>> users;  // id, token
  for (int i = 0; i < kUsers; ++i) {
    const std::string name = absl::StrCat("user", i);
    const std::string id = tesserad_.AddUser(name, "some password");
    users.emplace_back(id, tesserad_.Login(name, "some password", "orders").access_token());
  }
  std::atomic<int> mixed = 0, served = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCallsEach; ++i) {
        const auto& [id, token] = users[static_cast<size_t>(t * 7 + i) % users.size()];
        pb::ListMyOrdersResponse response;
        if (orders_->Stub()->ListMyOrders(ContextWith({token}).get(), {}, &response).ok()) ++served;
        if (response.orders_size() != 1 || response.orders(0).item() != id) ++mixed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, kThreads * kCallsEach);
  EXPECT_EQ(mixed, 0);
}

}  // namespace
}  // namespace tessera::testing
