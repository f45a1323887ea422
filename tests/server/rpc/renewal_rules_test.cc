// The rules of renewal and what tokens carry, through the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;

class RenewalRules : public ::testing::Test {
 protected:
  void Start() {
    server_.Start();
    auth_ = server_.Auth();
  }
  static v1::LoginRequest Admin() {
    v1::LoginRequest request;
    request.set_username("admin");
    request.set_password(kAdminPassword);
    return request;
  }
  v1::TokenGrant Login(const v1::LoginRequest& request) {
    v1::LoginResponse response;
    const grpc::Status status = auth_->Login(With("").get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.grant();
  }
  std::string LoginReason(const v1::LoginRequest& request) {
    v1::LoginResponse response;
    return ReasonOf(auth_->Login(With("").get(), request, &response));
  }
  grpc::Status Renew(const std::string& refresh, const std::string& access,
                     const std::string& device = "") {
    v1::RenewTokenRequest request;
    request.set_refresh_token(refresh);
    request.set_access_token(access);
    request.set_device_id(device);
    renewed_ = {};
    return auth_->RenewToken(With("").get(), request, &renewed_);
  }
  v1::ValidateTokenResponse Validate(const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    EXPECT_TRUE(auth_->ValidateToken(With("").get(), request, &response).ok());
    return response;
  }

  InProcessServer server_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  v1::RenewTokenResponse renewed_;
};

TEST_F(RenewalRules, WithoutATokenARenewalIsAMistakeOfTheCaller) {
  Start();
  const grpc::Status status = Renew("", "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "FIELD_INVALID");
}

TEST_F(RenewalRules, NeedsAccessToken) {
  server_.config().tokens.renewal_needs_access_token = true;
  Start();
  const v1::TokenGrant own = Login(Admin());
  const v1::TokenGrant other = Login(Admin());
  EXPECT_TRUE(Renew(own.refresh_token(), own.access_token()).ok());
  EXPECT_TRUE(Renew(own.refresh_token(), own.access_token()).ok());  // a retry
  const v1::TokenGrant second = renewed_.grant();
  EXPECT_EQ(ReasonOf(Renew(second.refresh_token(), other.access_token())), "REFRESH_REUSED");
  EXPECT_EQ(Validate(second.access_token()).reason(), v1::ERROR_REASON_TOKEN_REVOKED);
  const grpc::Status missing = Renew(other.refresh_token(), "");
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(missing), "REFRESH_REUSED");
  EXPECT_EQ(Validate(other.access_token()).reason(), v1::ERROR_REASON_TOKEN_REVOKED);
}

TEST_F(RenewalRules, OnlyAfterExpirySaysHowLongToWait) {
  server_.config().tokens.renewal_only_after_expiry = true;
  Start();
  const v1::TokenGrant grant = Login(Admin());
  server_.clock().Advance(absl::Minutes(5));
  const grpc::Status early = Renew(grant.refresh_token(), "");
  EXPECT_EQ(early.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(early), "ACCESS_TOKEN_NOT_EXPIRED");
  ASSERT_TRUE(RetryDelayOf(early).has_value());
  EXPECT_GT(*RetryDelayOf(early), absl::Minutes(9));
  EXPECT_LE(*RetryDelayOf(early), absl::Minutes(10));
  server_.clock().Advance(*RetryDelayOf(early));
  EXPECT_TRUE(Renew(grant.refresh_token(), "").ok());
}

TEST_F(RenewalRules, ByAccessTokenTheAnswerHasNoRefreshToken) {
  server_.config().tokens.renewal_by_access_token = true;
  Start();
  const v1::TokenGrant grant = Login(Admin());
  ASSERT_TRUE(Renew("", grant.access_token()).ok());
  EXPECT_EQ(renewed_.grant().refresh_token(), "");
  EXPECT_FALSE(renewed_.grant().has_refresh_expires_at());
  EXPECT_EQ(renewed_.grant().session_id(), grant.session_id());
  EXPECT_TRUE(Validate(renewed_.grant().access_token()).active());
  EXPECT_TRUE(Renew(grant.refresh_token(), "").ok());
}

TEST_F(RenewalRules, ABoundSessionRenewsOnItsDeviceAlone) {
  Start();
  v1::LoginRequest request = Admin();
  request.set_device_id("device-0123456789");
  const v1::TokenGrant grant = Login(request);
  EXPECT_EQ(ReasonOf(Renew(grant.refresh_token(), "")), "DEVICE_MISMATCH");
  EXPECT_EQ(ReasonOf(Renew(grant.refresh_token(), "", "device-9876543210")), "DEVICE_MISMATCH");
  EXPECT_TRUE(Renew(grant.refresh_token(), "", "device-0123456789").ok());
  EXPECT_EQ(ReasonOf(Renew(grant.refresh_token(), "", "device-9876543210")), "REFRESH_REUSED");
}

TEST_F(RenewalRules, SessionsEndAtTheResetOfTheConfiguration) {
  server_.config().tokens.refresh_reset_at = "04:00 America/New_York";
  Start();
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  const v1::TokenGrant grant = Login(Admin());
  const absl::Time end = absl::FromUnixSeconds(grant.refresh_expires_at().seconds());
  const auto local = zone.At(end).cs;
  EXPECT_EQ(local.hour(), 4);
  EXPECT_EQ(local.minute() + local.second(), 0);
  server_.clock().SetWall(end);
  EXPECT_EQ(ReasonOf(Renew(grant.refresh_token(), "")), "SESSION_ENDED");
}

TEST_F(RenewalRules, AResetThatNobodyKnowsDoesNotStart) {
  server_.config().tokens.refresh_reset_at = "04:00 Europe/Atlantis";
  EXPECT_FALSE(server_.TryStart().ok());
}

TEST_F(RenewalRules, TokensCarryScopesClaimsAttributesAndHowTheUserLoggedIn) {
  server_.config().tokens.scopes = {"orders.read", "orders.write"};
  server_.config().tokens.requested_claims = {"tenant"};
  server_.config().tokens.attribute_claims = {"department"};
  Start();
  const std::string token = Login(Admin()).access_token();
  const auto users = server_.Users();
  v1::CreateUserRequest create;
  create.mutable_user()->set_username("ada");
  (*create.mutable_user()->mutable_attributes())["department"] = "sales";
  (*create.mutable_user()->mutable_attributes())["salary"] = "not for tokens";
  create.set_password("ada's password");
  v1::CreateUserResponse created;
  ASSERT_TRUE(users->CreateUser(With(token).get(), create, &created).ok());
  EXPECT_EQ(created.user().attributes().size(), 2u);

  v1::LoginRequest request;
  request.set_username("ada");
  request.set_password("ada's password");
  request.add_scopes("orders.read");
  (*request.mutable_claims())["tenant"] = "t-17";
  const v1::TokenGrant grant = Login(request);
  EXPECT_THAT(grant.scopes(), ElementsAre("orders.read"));
  ASSERT_TRUE(Renew(grant.refresh_token(), "").ok());
  const v1::ValidateTokenResponse known = Validate(renewed_.grant().access_token());
  EXPECT_THAT(known.scopes(), ElementsAre("orders.read"));
  EXPECT_THAT(known.authentication_methods(), ElementsAre("pwd"));
  EXPECT_EQ(known.authentication_class(), "aal1");
  ASSERT_EQ(known.extra_claims().size(), 2u);
  EXPECT_EQ(known.extra_claims().at("tenant"), "t-17");
  EXPECT_EQ(known.extra_claims().at("department"), "sales");

  (*request.mutable_claims())["department"] = "board";
  EXPECT_EQ(LoginReason(request), "FIELD_INVALID");
  request.mutable_claims()->erase("department");
  request.add_scopes("orders.admin");
  EXPECT_EQ(LoginReason(request), "FIELD_INVALID");

  v1::UpdateUserRequest update;
  update.mutable_user()->set_id(created.user().id());
  (*update.mutable_user()->mutable_attributes())["department"] = "board";
  update.mutable_update_mask()->add_paths("attributes");
  v1::UpdateUserResponse updated;
  ASSERT_TRUE(users->UpdateUser(With(token).get(), update, &updated).ok());
  EXPECT_EQ(updated.user().attributes().at("department"), "board");
  ASSERT_TRUE(Renew(renewed_.grant().refresh_token(), "").ok());
  EXPECT_EQ(Validate(renewed_.grant().access_token()).extra_claims().at("department"), "board");
}

}  // namespace
}  // namespace tessera::server
