// ValidateToken for bound tokens, and BatchValidateTokens, through a whole server.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/token/claims.h"
#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

constexpr char kDevice[] = "device-0123456789";
constexpr char kDeviceKey[] = "tessera-device-id";

class BatchValidate : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.config().tokens.scopes = {"read", "write"};
    server_.config().tokens.requested_claims = {"tenant"};
    server_.Start();
    auth_ = server_.Auth();
    introspector_ = server_.IssueToken(server_.AddService("gateway", {"tessera.introspect"}));
  }

  grpc::Status Ask(const std::string& caller, const std::vector<std::string>& tokens) {
    v1::BatchValidateTokensRequest request;
    for (const std::string& token : tokens) request.add_tokens(token);
    results_.Clear();
    return auth_->BatchValidateTokens(With(caller).get(), request, &results_);
  }
  // What each result says: `active`, or why not.
  std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const v1::ValidateTokenResponse& result : results_.results()) told.push_back(Said(result));
    return told;
  }
  static std::string Said(const v1::ValidateTokenResponse& result) {
    return result.active() ? "active" : v1::ErrorReason_Name(result.reason());
  }

  v1::TokenGrant LoginBound() {
    v1::LoginRequest request;
    request.set_username("admin");
    request.set_password(kAdminPassword);
    request.set_device_id(kDevice);
    request.add_scopes("read");
    (*request.mutable_claims())["tenant"] = "acme";
    v1::LoginResponse response;
    const grpc::Status status = auth_->Login(With("").get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.grant();
  }
  // What the holder is told who shows these devices.
  std::string HolderTold(const std::string& token, const std::vector<std::string>& devices) {
    const auto context = With("");
    for (const std::string& device : devices) context->AddMetadata(kDeviceKey, device);
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    const grpc::Status status = auth_->ValidateToken(context.get(), request, &response);
    return status.ok() ? Said(response) : ReasonOf(status);
  }

  InProcessServer server_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::string introspector_;
  v1::BatchValidateTokensResponse results_;
};

TEST_F(BatchValidate, EachTokenIsAnsweredOnItsOwnInTheOrderAsked) {
  const v1::TokenGrant grant = server_.LoginAdmin();
  const std::string orders = server_.LoginAdmin("orders").access_token();
  const grpc::Status status =
      Ask(introspector_, {grant.access_token(), "rubbish", grant.refresh_token(), orders, "",
                          introspector_, grant.access_token()});
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Told(), (std::vector<std::string>{"active", "ERROR_REASON_TOKEN_MALFORMED",
                                              "ERROR_REASON_TOKEN_TYPE", "active",
                                              "ERROR_REASON_TOKEN_MALFORMED", "active", "active"}));
  EXPECT_EQ(results_.results(3).audience(), "orders");
  EXPECT_EQ(results_.results(1).subject(), "");
}

TEST_F(BatchValidate, TakesOneToAHundredTokens) {
  const std::string token = server_.LoginAdmin().access_token();
  EXPECT_EQ(ReasonOf(Ask(introspector_, {})), "FIELD_INVALID");
  EXPECT_EQ(ReasonOf(Ask(introspector_, std::vector<std::string>(101, token))), "FIELD_INVALID");
  EXPECT_TRUE(Ask(introspector_, std::vector<std::string>(100, token)).ok());
  EXPECT_EQ(results_.results_size(), 100);
}

TEST_F(BatchValidate, IsForIntrospectorsAlone) {
  const std::string admin = server_.LoginAdmin().access_token();
  EXPECT_EQ(ReasonOf(Ask("", {admin})), "TOKEN_MISSING");
  EXPECT_EQ(ReasonOf(Ask(admin, {admin})), "ROLE_REQUIRED");
}

TEST_F(BatchValidate, SeesARevocationAtOnce) {
  const v1::TokenGrant grant = server_.LoginAdmin();
  v1::RevokeTokenRequest revoke;
  revoke.set_token(grant.access_token());
  v1::RevokeTokenResponse revoked;
  ASSERT_TRUE(auth_->RevokeToken(With("").get(), revoke, &revoked).ok());
  ASSERT_TRUE(Ask(introspector_, {grant.access_token()}).ok());
  EXPECT_EQ(Told(), std::vector<std::string>{"ERROR_REASON_TOKEN_REVOKED"});
}

TEST_F(BatchValidate, TellsAllThatTheTokenSaysWhateverItIsBoundTo) {
  ASSERT_TRUE(Ask(introspector_, {LoginBound().access_token()}).ok());
  ASSERT_EQ(results_.results_size(), 1);
  const v1::ValidateTokenResponse& known = results_.results(0);
  EXPECT_TRUE(known.active());
  EXPECT_EQ(known.device_hash(), DeviceHash(kDevice));
  ASSERT_EQ(known.authentication_methods_size(), 1);
  EXPECT_EQ(known.authentication_methods(0), "pwd");
  EXPECT_NE(known.authentication_class(), "");
  EXPECT_EQ(known.subject_version(), 1);
  ASSERT_EQ(known.scopes_size(), 1);
  EXPECT_EQ(known.scopes(0), "read");
  EXPECT_EQ(known.extra_claims().at("tenant"), "acme");
  EXPECT_EQ(known.certificate_thumbprint(), "");
  EXPECT_EQ(known.actors_size(), 0);
}

TEST_F(BatchValidate, AnybodyIsToldOfABoundTokenOnlyOnItsDevice) {
  const std::string token = LoginBound().access_token();
  EXPECT_EQ(HolderTold(token, {kDevice}), "active");
  EXPECT_EQ(HolderTold(token, {}), "ERROR_REASON_DEVICE_MISMATCH");
  EXPECT_EQ(HolderTold(token, {"another-device-0123"}), "ERROR_REASON_DEVICE_MISMATCH");
  EXPECT_EQ(HolderTold(token, {DeviceHash(kDevice)}), "ERROR_REASON_DEVICE_MISMATCH");
  EXPECT_EQ(HolderTold(token, {"another-device-0123", kDevice}), "FIELD_INVALID");
}

}  // namespace
}  // namespace tessera::server
