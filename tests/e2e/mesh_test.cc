// A proxy asks a real tesserad about calls of the orders service.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/authority.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

namespace pb = envoy::service::auth::v3;

constexpr char kStatus[] = "/orders.v1.OrderService/GetStatus";
constexpr char kListMine[] = "/orders.v1.OrderService/ListMyOrders";
constexpr char kCancel[] = "/orders.v1.OrderService/CancelOrder";
constexpr absl::Duration kReadyLimit = absl::Seconds(60);

using Headers = std::map<std::string, std::string>;

pb::CheckRequest CallOf(const std::string& path, const std::string& token,
                        const Headers& more = {}) {
  pb::CheckRequest request;
  auto& http = *request.mutable_attributes()->mutable_request()->mutable_http();
  http.set_path(path);
  auto& headers = *http.mutable_headers();
  headers[":path"] = path;
  headers[":authority"] = "orders.example";
  if (!token.empty()) headers["authorization"] = "Bearer " + token;
  for (const auto& [name, value] : more) headers[name] = value;
  return request;
}

class Mesh : public ::testing::Test {
 protected:
  static std::string Config(const std::string& more = "") {
    return absl::StrCat("[mesh]\nenabled = true\ndescriptor_sets = [\"orders=", ORDERS_DESCRIPTORS,
                        "\"]\nuncut_streams = true\n", more);
  }
  void Start(const std::string& mesh, Transport transport = Transport::kPlaintext) {
    Tesserad::Options options;
    options.transport = transport;
    options.extra_config = mesh;
    server_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    server_->AddRole("orders.admin", {"orders"});
    server_->AddUser("ada", "the password of ada", {"orders.admin"});
    server_->AddUser("bob", "the password of bob");
    authorization_ = pb::Authorization::NewStub(server_->NewChannel());
  }

  std::string TokenOf(const std::string& name, const std::string& audience = "orders") {
    return server_->Login(name, "the password of " + name, audience).access_token();
  }
  std::string ServiceToken(const std::string& name, const std::vector<std::string>& roles) {
    v1::IssueTokenRequest request;
    request.set_secret(server_->AddService({name, roles, {"tessera"}}).secret);
    v1::IssueTokenResponse response;
    EXPECT_TRUE(server_->Auth()->IssueToken(ContextWith({}).get(), request, &response).ok());
    return response.access_token();
  }
  // Why tesserad does not judge at all, for whoever shows this token; empty: it does.
  std::string WhyNotAsked(const std::string& token) {
    pb::CheckResponse response;
    const auto context =
        ContextWith(token.empty() ? std::vector<std::string>() : std::vector<std::string>{token});
    const grpc::Status status =
        authorization_->Check(context.get(), CallOf(kStatus, ""), &response);
    EXPECT_EQ(response.has_ok_response(), status.ok());
    return ReasonOf(status);
  }

  pb::CheckResponse Check(const pb::CheckRequest& request) {
    pb::CheckResponse response;
    const auto context =
        ContextWith(proxy_.empty() ? std::vector<std::string>() : std::vector<std::string>{proxy_});
    const grpc::Status status = authorization_->Check(context.get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // `OK`, or HTTP status and reason.
  std::string Told(const std::string& path, const std::string& token) {
    const pb::CheckResponse response = Check(CallOf(path, token));
    EXPECT_EQ(response.status().code() == 0, response.has_ok_response());
    if (response.has_ok_response()) return "OK";
    const std::string& body = response.denied_response().body();
    return absl::StrCat(response.denied_response().status().code(), " ",
                        body.substr(0, body.find(':')));
  }

  const TemporaryFolder folder_;
  std::unique_ptr<Tesserad> server_;
  std::unique_ptr<pb::Authorization::Stub> authorization_;
  std::string proxy_;  // the token that the proxy shows
};

TEST_F(Mesh, IsNotThereUnlessItIsSwitchedOn) {
  ASSERT_NO_FATAL_FAILURE(Start(""));
  pb::CheckResponse response;
  const auto context = ContextWith({ServiceToken("proxy", {"tessera.mesh"})});
  EXPECT_EQ(authorization_->Check(context.get(), CallOf(kStatus, ""), &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(Mesh, OnlyAServiceWithTheRoleMayAsk) {
  ASSERT_NO_FATAL_FAILURE(Start(Config()));
  EXPECT_EQ(WhyNotAsked(""), "TOKEN_MISSING");
  EXPECT_EQ(WhyNotAsked(server_->LoginAdmin().access_token()), "CALLER_KIND");
  EXPECT_EQ(WhyNotAsked(ServiceToken("plain", {})), "ROLE_REQUIRED");
  EXPECT_EQ(WhyNotAsked(ServiceToken("feed", {"tessera.guard", "tessera.introspect"})),
            "ROLE_REQUIRED");
  EXPECT_EQ(WhyNotAsked(TokenOf("ada")), "TOKEN_AUDIENCE");
  EXPECT_EQ(WhyNotAsked(ServiceToken("proxy", {"tessera.mesh"})), "");
  authorization_.reset();
  server_->Stop();
}

TEST_F(Mesh, CallsAreJudgedByTheRuleOfTheirMethod) {
  ASSERT_NO_FATAL_FAILURE(Start(Config()));
  proxy_ = ServiceToken("proxy", {"tessera.mesh"});
  const std::string ada = TokenOf("ada");
  const std::string bob = TokenOf("bob");
  EXPECT_EQ(Told(kStatus, ""), "OK");
  EXPECT_EQ(Told(kListMine, ""), "401 TOKEN_MISSING");
  EXPECT_EQ(Told(kListMine, bob), "OK");
  EXPECT_EQ(Told(kCancel, bob), "403 ROLE_REQUIRED");
  EXPECT_EQ(Told(kCancel, ada), "OK");
  EXPECT_EQ(Told(kCancel, "nonsense"), "401 TOKEN_MALFORMED");
  EXPECT_EQ(Told("/orders.v1.OrderService/cancelOrder", ada), "404 no such method");
  EXPECT_EQ(Told("/orders.v1.OrderService/GetStatus/../CancelOrder", ada), "404 no such method");
  EXPECT_EQ(Told("/tessera.v1.AuthService/Login", ada), "404 no such method");
}

// A token that is good at tesserad is not good for a service behind the proxy, nor the proxy's own.
TEST_F(Mesh, ATokenIsJudgedForTheServicesAudience) {
  ASSERT_NO_FATAL_FAILURE(Start(Config()));
  proxy_ = ServiceToken("proxy", {"tessera.mesh"});
  EXPECT_EQ(Told(kListMine, server_->LoginAdmin().access_token()), "401 TOKEN_AUDIENCE");
  EXPECT_EQ(Told(kListMine, TokenOf("ada", "billing")), "401 TOKEN_AUDIENCE");
  EXPECT_EQ(Told(kListMine, proxy_), "401 TOKEN_AUDIENCE");
}

TEST_F(Mesh, ARevokedTokenIsRefusedAtTheNextCall) {
  ASSERT_NO_FATAL_FAILURE(Start(Config()));
  proxy_ = ServiceToken("proxy", {"tessera.mesh"});
  const std::string ada = TokenOf("ada");
  EXPECT_EQ(Told(kListMine, ada), "OK");
  v1::RevokeTokenRequest request;
  request.set_token(ada);
  v1::RevokeTokenResponse response;
  ASSERT_TRUE(server_->Auth()->RevokeToken(ContextWith({}).get(), request, &response).ok());
  EXPECT_EQ(Told(kListMine, ada), "401 TOKEN_REVOKED");
}

TEST_F(Mesh, TheServiceLearnsWhoCallsAndNotWhatTheCallerSaysOfItself) {
  ASSERT_NO_FATAL_FAILURE(Start(Config()));
  proxy_ = ServiceToken("proxy", {"tessera.mesh"});
  const pb::CheckResponse response =
      Check(CallOf(kCancel, TokenOf("ada"),
                   {{"x-tessera-subject", "usr_root"}, {"x-tessera-scopes", "everything"}}));
  ASSERT_TRUE(response.has_ok_response());
  Headers set;
  for (const auto& option : response.ok_response().headers()) {
    set[option.header().key()] = option.header().value();
  }
  EXPECT_THAT(set["x-tessera-subject"], HasSubstr("usr_"));
  EXPECT_NE(set["x-tessera-subject"], "usr_root");
  EXPECT_EQ(set["x-tessera-roles"], "orders.admin");
  EXPECT_THAT(response.ok_response().headers_to_remove(), Contains("x-tessera-scopes"));
}

TEST_F(Mesh, TheTokenIsTakenAwayWhereThatIsAskedFor) {
  ASSERT_NO_FATAL_FAILURE(Start(Config("remove_authorization = true\n")));
  proxy_ = ServiceToken("proxy", {"tessera.mesh"});
  const pb::CheckResponse response = Check(CallOf(kListMine, TokenOf("bob")));
  EXPECT_THAT(response.ok_response().headers_to_remove(), Contains("authorization"));
}

TEST_F(Mesh, WhoeverReachesTheSocketMayAskAndDoNothingElse) {
  const std::string socket = "unix:" + folder_.Path("mesh.sock");
  ASSERT_NO_FATAL_FAILURE(Start(Config("listen = \"" + socket + "\"\n")));
  auto channel = grpc::CreateChannel(socket, grpc::InsecureChannelCredentials());
  authorization_ = pb::Authorization::NewStub(channel);
  EXPECT_EQ(Told(kListMine, TokenOf("bob")), "OK");
  EXPECT_EQ(Told(kCancel, TokenOf("bob")), "403 ROLE_REQUIRED");
  v1::LoginRequest request;
  request.set_username("admin");
  request.set_password(Tesserad::kAdminPassword);
  v1::LoginResponse response;
  EXPECT_EQ(v1::AuthService::NewStub(channel)
                ->Login(ContextWith({}).get(), request, &response)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  authorization_.reset();
  channel.reset();
  server_->Stop();
}

TEST_F(Mesh, OffTheSocketItTakesACertificateOfTheProxies) {
  const Authority authority(folder_);
  authority.Sign("proxy");
  const TemporaryFolder elsewhere;
  const Authority other(elsewhere);
  other.Sign("mallory");
  ASSERT_NO_FATAL_FAILURE(
      Start(Config("listen = \"127.0.0.1:0\"\nclient_ca = \"" + authority.path() + "\"\n"),
            Transport::kTls));
  const std::string line = server_->program().WaitForLine("mesh.ready", kReadyLimit);
  const std::string address = line.substr(line.rfind('=') + 1);
  const auto reason_for = [&](const std::string& key, const std::string& certificate) {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = pb::Authorization::NewStub(grpc::CreateCustomChannel(
        address, grpc::SslCredentials({server_->certificate().certificate_pem, key, certificate}),
        own));
    pb::CheckResponse response;
    return stub->Check(ContextWith({}).get(), CallOf(kStatus, ""), &response).error_code();
  };
  EXPECT_EQ(reason_for(folder_.Read("proxy.key"), folder_.Read("proxy.crt")), grpc::StatusCode::OK);
  EXPECT_EQ(reason_for("", ""), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(reason_for(elsewhere.Read("mallory.key"), elsewhere.Read("mallory.crt")),
            grpc::StatusCode::UNAVAILABLE);
}

// Nothing is served by half a set of rules.
TEST_F(Mesh, AStreamThatCouldNotBeCutStopsTheStart) {
  Tesserad::Options options;
  options.extra_config = absl::StrCat(
      "[mesh]\nenabled = true\ndescriptor_sets = [\"orders=", ORDERS_DESCRIPTORS, "\"]\n");
  Tesserad server(options);
  ASSERT_NO_FATAL_FAILURE(server.Launch());
  EXPECT_GT(server.program().Wait(kReadyLimit), 0);
  EXPECT_THAT(server.program().Output(), HasSubstr("/orders.v1.OrderService/WatchOrders"));
}

}  // namespace
}  // namespace tessera::testing
