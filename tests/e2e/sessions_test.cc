// The life of sessions and tokens against a real tesserad, on plaintext and TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class Sessions : public ::testing::TestWithParam<Transport> {
 protected:
  Sessions() : tesserad_({.transport = GetParam(), .extra_config = "", .run_under = {}}) {}
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(tesserad_.Start()); }

  // Empty if active.
  v1::ErrorReason InactiveReason(const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    const grpc::Status status =
        tesserad_.Auth()->ValidateToken(ContextWith({}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.active(), response.reason() == v1::ERROR_REASON_UNSPECIFIED);
    return response.reason();
  }
  std::string WhoAmI(const std::string& token) {
    v1::GetCurrentUserResponse response;
    const grpc::Status status =
        tesserad_.Users()->GetCurrentUser(ContextWith({token}).get(), {}, &response);
    return status.ok() ? response.user().username() : ReasonOf(status);
  }
  std::string LoginReason(const std::string& username, const std::string& password) {
    v1::LoginRequest request;
    request.set_username(username);
    request.set_password(password);
    v1::LoginResponse response;
    const grpc::Status status = tesserad_.Auth()->Login(ContextWith({}).get(), request, &response);
    if (!status.ok()) return ReasonOf(status);
    EXPECT_EQ(InactiveReason(response.grant().access_token()), v1::ERROR_REASON_UNSPECIFIED);
    return "";
  }

  Tesserad tesserad_;
};

INSTANTIATE_TEST_SUITE_P(Transports, Sessions,
                         ::testing::Values(Transport::kPlaintext, Transport::kTls),
                         [](const auto& each) {
                           return each.param == Transport::kTls ? "Tls" : "Plaintext";
                         });

TEST_P(Sessions, LogInRenewValidateRevoke) {
  const v1::TokenGrant first = tesserad_.LoginAdmin();
  EXPECT_EQ(InactiveReason(first.access_token()), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(WhoAmI(first.access_token()), "admin");

  const Renewal renewal = Renew(*tesserad_.Auth(), first.refresh_token());
  EXPECT_EQ(renewal.reason, "");
  EXPECT_EQ(renewal.grant.session_id(), first.session_id());
  EXPECT_NE(renewal.grant.refresh_token(), first.refresh_token());

  v1::RevokeTokenRequest revoke;
  revoke.set_token(renewal.grant.access_token());
  v1::RevokeTokenResponse revoked;
  ASSERT_TRUE(tesserad_.Auth()->RevokeToken(ContextWith({}).get(), revoke, &revoked).ok());
  EXPECT_EQ(InactiveReason(renewal.grant.access_token()), v1::ERROR_REASON_TOKEN_REVOKED);
  EXPECT_EQ(WhoAmI(renewal.grant.access_token()), "TOKEN_REVOKED");
  EXPECT_EQ(WhoAmI(first.access_token()), "admin") << "only one token was revoked";
}

TEST_P(Sessions, LogoutEndsTheSessionAndItsAccessTokens) {
  const v1::TokenGrant grant = tesserad_.LoginAdmin();
  v1::LogoutRequest request;
  request.set_refresh_token(grant.refresh_token());
  v1::LogoutResponse response;
  ASSERT_TRUE(tesserad_.Auth()->Logout(ContextWith({}).get(), request, &response).ok());
  EXPECT_EQ(WhoAmI(grant.access_token()), "TOKEN_REVOKED");
  EXPECT_EQ(Renew(*tesserad_.Auth(), grant.refresh_token()).reason, "SESSION_ENDED");
}

TEST_P(Sessions, AccessTokenExpiresExactlyWithItsLifeAndLeeway) {
  const v1::TokenGrant grant = tesserad_.LoginAdmin();
  tesserad_.clock().Advance(absl::Minutes(15) - absl::Seconds(1));
  EXPECT_EQ(WhoAmI(grant.access_token()), "admin");
  tesserad_.clock().Advance(absl::Seconds(7));
  EXPECT_EQ(WhoAmI(grant.access_token()), "TOKEN_EXPIRED");
  EXPECT_EQ(InactiveReason(grant.access_token()), v1::ERROR_REASON_TOKEN_EXPIRED);
  EXPECT_EQ(Renew(*tesserad_.Auth(), grant.refresh_token()).reason, "") << "the session lives on";
}

TEST_P(Sessions, RetryWithinTheGraceGetsTheSameSuccessor) {
  const v1::TokenGrant first = tesserad_.LoginAdmin();
  const auto auth = tesserad_.Auth();
  const Renewal won = Renew(*auth, first.refresh_token());
  const Renewal retried = Renew(*auth, first.refresh_token());
  EXPECT_EQ(retried.reason, "");
  EXPECT_EQ(retried.grant.refresh_token(), won.grant.refresh_token());
  EXPECT_EQ(WhoAmI(retried.grant.access_token()), "admin");
}

TEST_P(Sessions, OldRefreshTokenEndsTheSessionForGood) {
  const v1::TokenGrant first = tesserad_.LoginAdmin();
  const auto auth = tesserad_.Auth();
  const Renewal second = Renew(*auth, first.refresh_token());
  tesserad_.clock().Advance(absl::Seconds(31));
  EXPECT_EQ(Renew(*auth, first.refresh_token()).reason, "REFRESH_REUSED");
  EXPECT_EQ(Renew(*auth, second.grant.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_EQ(WhoAmI(second.grant.access_token()), "TOKEN_REVOKED");

  tesserad_.KillHard();
  ASSERT_NO_FATAL_FAILURE(tesserad_.Start());
  EXPECT_EQ(Renew(*tesserad_.Auth(), second.grant.refresh_token()).reason, "SESSION_ENDED");
}

TEST_P(Sessions, SixtyFourParallelRenewalsMakeOneStep) {
  const v1::TokenGrant first = tesserad_.LoginAdmin();
  const auto auth = tesserad_.Auth();
  std::vector<Renewal> renewals(64);
  std::vector<std::thread> threads;
  threads.reserve(renewals.size());
  for (Renewal& renewal : renewals) {
    threads.emplace_back([&] { renewal = Renew(*auth, first.refresh_token()); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Renewal& renewal : renewals) {
    EXPECT_EQ(renewal.reason, "");
    EXPECT_EQ(renewal.grant.refresh_token(), renewals[0].grant.refresh_token());
  }
  EXPECT_EQ(Renew(*auth, renewals[0].grant.refresh_token()).reason, "");
}

TEST_P(Sessions, ForgedRefreshTokenCannotHurtTheSessionItNames) {
  const v1::TokenGrant grant = tesserad_.LoginAdmin();
  std::string forged = grant.refresh_token();
  forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
  const std::string reason = Renew(*tesserad_.Auth(), forged).reason;
  EXPECT_TRUE(reason == "TOKEN_SIGNATURE" || reason == "TOKEN_MALFORMED") << reason;
  EXPECT_EQ(Renew(*tesserad_.Auth(), grant.refresh_token()).reason, "");
}

TEST_P(Sessions, PasswordChangeEndsEverySessionAtOnce) {
  tesserad_.AddUser("alice", "first password");
  const v1::TokenGrant here = tesserad_.Login("alice", "first password");
  const v1::TokenGrant there = tesserad_.Login("alice", "first password", "orders");
  v1::ChangePasswordRequest change;
  change.set_old_password("first password");
  change.set_new_password("second password");
  v1::ChangePasswordResponse changed;
  const grpc::Status status =
      tesserad_.Users()->ChangePassword(ContextWith({here.access_token()}).get(), change, &changed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(WhoAmI(here.access_token()), "TOKEN_REVOKED");
  EXPECT_EQ(InactiveReason(there.access_token()), v1::ERROR_REASON_TOKEN_REVOKED);
  EXPECT_EQ(Renew(*tesserad_.Auth(), there.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_EQ(LoginReason("alice", "first password"), "BAD_CREDENTIALS");
  EXPECT_EQ(LoginReason("alice", "second password"), "");
}

TEST_P(Sessions, LoginsThatRaceADisableDoNotSurviveIt) {
  const std::string id = tesserad_.AddUser("bob", "bobs password");
  const std::string admin = tesserad_.LoginAdmin().access_token();
  std::vector<v1::TokenGrant> grants(16);
  std::vector<std::thread> threads;
  threads.reserve(grants.size());
  for (v1::TokenGrant& grant : grants) {
    threads.emplace_back([&] {
      v1::LoginRequest request;
      request.set_username("bob");
      request.set_password("bobs password");
      v1::LoginResponse response;
      tesserad_.Auth()->Login(ContextWith({}).get(), request, &response);
      grant = response.grant();
    });
  }
  v1::UpdateUserRequest disable;
  disable.mutable_user()->set_id(id);
  disable.mutable_user()->set_state(v1::USER_STATE_DISABLED);
  disable.mutable_update_mask()->add_paths("state");
  v1::UpdateUserResponse disabled;
  const grpc::Status status =
      tesserad_.Users()->UpdateUser(ContextWith({admin}).get(), disable, &disabled);
  EXPECT_TRUE(status.ok()) << status.error_message();
  for (std::thread& thread : threads) thread.join();
  for (const v1::TokenGrant& grant : grants) {
    if (grant.access_token().empty()) continue;  // refused outright
    EXPECT_EQ(WhoAmI(grant.access_token()), "TOKEN_REVOKED");
    EXPECT_EQ(Renew(*tesserad_.Auth(), grant.refresh_token()).reason, "SESSION_ENDED");
  }
  // The refused ones may have been enough to slow the next one down.
  EXPECT_THAT(LoginReason("bob", "bobs password"), AnyOf("BAD_CREDENTIALS", "THROTTLED"));
}

TEST_P(Sessions, AdministratorsTokenForAServiceIsNoTokenForTessera) {
  const std::string id = tesserad_.AddUser("carol", "carols password");
  const v1::TokenGrant orders = tesserad_.LoginAdmin("orders");
  v1::GrantRoleRequest request;
  request.set_role("tessera.admin");
  request.set_user_id(id);
  v1::GrantRoleResponse response;
  const grpc::Status status =
      tesserad_.Users()->GrantRole(ContextWith({orders.access_token()}).get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "TOKEN_AUDIENCE");
  EXPECT_THAT(status.error_message(), HasSubstr("tessera"));
}

TEST_P(Sessions, NothingSecretIsLogged) {
  const v1::TokenGrant grant = tesserad_.LoginAdmin();
  Renew(*tesserad_.Auth(), grant.refresh_token());
  LoginReason("admin", "guessed-wrong-password");
  LoginReason("a-password-typed-as-name", "x");
  WhoAmI(grant.access_token() + "x");
  const std::string log = tesserad_.program().Output();
  EXPECT_THAT(log, HasSubstr("login.refused"));
  for (const std::string& secret :
       {grant.access_token(), grant.refresh_token(), std::string(Tesserad::kAdminPassword),
        std::string("guessed-wrong-password")}) {
    EXPECT_EQ(log.find(secret), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera::testing
