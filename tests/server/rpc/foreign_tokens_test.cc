// Tokens for what others have signed, against a whole server: a cluster's service accounts, whose
// keys come over HTTP, and tokens that are exchanged.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/guard/tls_material.h"
#include "tests/http/http_server.h"
#include "tests/server/rpc/in_process_server.h"
#include "tests/token/token_fixture.h"

namespace tessera::server {
namespace {

using nlohmann::json;
using testing::HttpServer;
using testing::KeyOf;
using testing::SetOf;

constexpr char kCluster[] = "https://cluster.example.test";
constexpr char kIssuer[] = "https://tessera.test";

const SigningKey& ClusterKey() { return KeyOf(Algorithm::kRs256); }

std::string Why(const grpc::Status& status) {
  return status.ok() ? "OK" : std::string(ReasonOf(status));
}

class ForeignTokens : public ::testing::Test {
 protected:
  void StartWithUrl(const HttpServer& keys, const std::string& scheme = "http") {
    Config& config = server_.config();
    config.kubernetes.issuer = kCluster;
    config.kubernetes.jwks_url = scheme + "://127.0.0.1:" + std::to_string(keys.port()) + "/jwks";
    Start();
  }
  void Start() {
    server_.config().tokens.audiences = {"orders", "billing"};
    server_.Start();
    admin_ = server_.LoginAdmin().access_token();
  }

  v1::ServiceAccount AddAccount(v1::ServiceAccount account) {
    v1::CreateServiceAccountRequest request;
    *request.mutable_service_account() = std::move(account);
    v1::CreateServiceAccountResponse response;
    const grpc::Status status =
        server_.Users()->CreateServiceAccount(With(admin_).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    secret_ = response.secret();
    return response.service_account();
  }
  v1::ServiceAccount AddClusterAccount() {
    v1::ServiceAccount account;
    account.set_name("orders");
    account.add_audiences("tessera");
    account.add_kubernetes_names("shop/orders");
    return AddAccount(std::move(account));
  }

  std::string ClusterToken(const SigningKey& key = ClusterKey()) {
    const int64_t now = absl::ToUnixSeconds(server_.clock().Now());
    const json header = {{"alg", "RS256"}, {"kid", key.kid()}};
    const json payload = {
        {"iss", kCluster},
        {"sub", "system:serviceaccount:shop:orders"},
        {"aud", json::array({kIssuer})},
        {"iat", now},
        {"exp", now + 3600},
        {"kubernetes.io", {{"namespace", "shop"}, {"serviceaccount", {{"name", "orders"}}}}}};
    return testing::Compact(header.dump(), payload.dump(), key);
  }
  grpc::Status Issue(v1::IssueTokenRequest request, v1::IssueTokenResponse* response = nullptr) {
    v1::IssueTokenResponse unused;
    return server_.Auth()->IssueToken(With("").get(), request,
                                      response == nullptr ? &unused : response);
  }
  grpc::Status IssueByCluster(const std::string& token) {
    v1::IssueTokenRequest request;
    request.set_kubernetes_token(token);
    return Issue(std::move(request));
  }
  std::string TokenBySecret(const std::string& secret, const std::string& audience = "") {
    v1::IssueTokenRequest request;
    request.set_secret(secret);
    request.set_audience(audience);
    v1::IssueTokenResponse response;
    const grpc::Status status = Issue(std::move(request), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.access_token();
  }

  InProcessServer server_;
  std::string admin_;
  std::string secret_;  // of the account added last
};

TEST_F(ForeignTokens, AClusterIsRefusedAsUnsupportedWhereNoneIsConfigured) {
  Start();
  EXPECT_EQ(Why(IssueByCluster("x.y.z")), "FIELD_UNSUPPORTED");
}

TEST_F(ForeignTokens, AClustersKeysComeByUrl) {
  HttpServer keys([](const std::string&) { return HttpServer::Ok(SetOf(ClusterKey()).ToJson()); });
  StartWithUrl(keys);
  AddClusterAccount();
  EXPECT_EQ(Why(IssueByCluster(ClusterToken())), "OK");
  EXPECT_EQ(Why(IssueByCluster(ClusterToken())), "OK");
  EXPECT_EQ(Why(IssueByCluster("x.y.z")), "BAD_CREDENTIALS");
  EXPECT_EQ(keys.requests(), 1);
}

TEST_F(ForeignTokens, OverTlsTheAuthorityIsTheConfiguredOne) {
  const testing::TlsMaterial tls = testing::MakeTlsMaterial();
  testing::TemporaryFolder folder;
  HttpServer keys([](const std::string&) { return HttpServer::Ok(SetOf(ClusterKey()).ToJson()); },
                  {tls.certificate, tls.key});
  server_.config().kubernetes.ca_file = folder.Write("ca.pem", tls.certificate);
  StartWithUrl(keys, "https");
  AddClusterAccount();
  EXPECT_EQ(Why(IssueByCluster(ClusterToken())), "OK");
}

TEST_F(ForeignTokens, FromAFileThatIsReadAgain) {
  testing::TemporaryFolder folder;
  const SigningKey other = *SigningKey::Generate(Algorithm::kRs256);
  server_.config().kubernetes.issuer = kCluster;
  server_.config().kubernetes.jwks_file = folder.Write("jwks.json", SetOf(ClusterKey()).ToJson());
  Start();
  AddClusterAccount();
  EXPECT_EQ(Why(IssueByCluster(ClusterToken())), "OK");
  EXPECT_EQ(Why(IssueByCluster(ClusterToken(other))), "BAD_CREDENTIALS");
  folder.Write("jwks.json", SetOf(other).ToJson());
  server_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(Why(IssueByCluster(ClusterToken(other))), "OK");
  EXPECT_EQ(Why(IssueByCluster(ClusterToken())), "BAD_CREDENTIALS");
}

// Not that the credentials are wrong: nobody knows.
TEST_F(ForeignTokens, WhileTheKeysCannotBeHadTheAnswerIsUnavailable) {
  std::string body = std::string(300 * 1024, 'x');  // over the cap
  HttpServer keys([&](const std::string&) { return HttpServer::Ok(body); });
  StartWithUrl(keys);
  AddClusterAccount();
  const grpc::Status refused = IssueByCluster(ClusterToken());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Why(refused), "KEYS_UNAVAILABLE");
}

TEST_F(ForeignTokens, AnUnknownKeyIsFetchedOnceInAWhileHoweverManyAsk) {
  HttpServer keys([](const std::string&) { return HttpServer::Ok(SetOf(ClusterKey()).ToJson()); });
  StartWithUrl(keys);
  AddClusterAccount();
  ASSERT_EQ(Why(IssueByCluster(ClusterToken())), "OK");
  const SigningKey forged = *SigningKey::Generate(Algorithm::kRs256);
  server_.clock().Advance(absl::Seconds(10));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Why(IssueByCluster(ClusterToken(forged))), "BAD_CREDENTIALS");
  }
  EXPECT_EQ(keys.requests(), 2);
}

// Unauthenticated callers must not be able to take all threads by making the cluster slow.
TEST_F(ForeignTokens, AHangingKeyServerHoldsUpNobodyElse) {
  HttpServer keys([](const std::string&) { return HttpServer::Ok(SetOf(ClusterKey()).ToJson()); });
  keys.Stall(true);
  StartWithUrl(keys);
  AddClusterAccount();
  keys.AwaitRequests(1);
  constexpr int kCalls = 40;  // ten times the threads of the database lane
  std::vector<std::future<std::string>> waiting;
  for (int i = 0; i < kCalls; ++i) {
    waiting.push_back(std::async(
        std::launch::async, [this, token = ClusterToken()] { return Why(IssueByCluster(token)); }));
  }
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(server_.LoginAdmin().access_token().empty());
  keys.Stall(false);
  // All came before the answer and share it, unless this machine took longer than a fetch may.
  for (auto& one : waiting) {
    const std::string answer = one.get();
    EXPECT_TRUE(answer == "OK" || answer == "KEYS_UNAVAILABLE") << answer;
  }
  EXPECT_LE(keys.requests(), 2);
}

class ExchangedTokens : public ForeignTokens {
 protected:
  void SetUp() override {
    Start();
    v1::ServiceAccount account;
    account.set_name("orders");
    for (const char* audience : {"tessera", "billing"}) account.add_audiences(audience);
    account.add_served_audiences("orders");
    AddAccount(std::move(account));
    service_ = TokenBySecret(secret_);
    server_.AddUser("ann", "correct horse battery");
  }
  std::string UserToken(const std::string& audience) {
    return server_.Login("ann", "correct horse battery", audience).access_token();
  }
  grpc::Status Exchange(const std::string& caller, const std::string& subject,
                        const std::string& audience) {
    v1::ExchangeTokenRequest request;
    request.set_subject_token(subject);
    request.set_audience(audience);
    return server_.Auth()->ExchangeToken(With(caller).get(), request, &exchanged_);
  }
  v1::ValidateTokenResponse Validate(const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    const grpc::Status status = server_.Auth()->ValidateToken(With("").get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::string service_;
  v1::ExchangeTokenResponse exchanged_;
};

TEST_F(ExchangedTokens, SayForWhomAndByWhomAndDieWithTheirParent) {
  const std::string subject = UserToken("orders");
  ASSERT_EQ(Why(Exchange(service_, subject, "billing")), "OK");
  const v1::ValidateTokenResponse seen = Validate(exchanged_.access_token());
  EXPECT_TRUE(seen.active());
  EXPECT_EQ(seen.audience(), "billing");
  EXPECT_EQ(seen.subject(), Validate(subject).subject());
  ASSERT_EQ(seen.actors_size(), 1);
  EXPECT_EQ(seen.actors(0), Validate(service_).subject());
  v1::RevokeTokenRequest revoke;
  revoke.set_token(subject);
  v1::RevokeTokenResponse revoked;
  ASSERT_TRUE(server_.Auth()->RevokeToken(With("").get(), revoke, &revoked).ok());
  EXPECT_FALSE(Validate(exchanged_.access_token()).active());
  EXPECT_EQ(Why(Exchange(service_, subject, "billing")), "TOKEN_REVOKED");
}

TEST_F(ExchangedTokens, OnlyServicesMayAsk) {
  const std::string subject = UserToken("orders");
  EXPECT_EQ(Why(Exchange("", subject, "billing")), "TOKEN_MISSING");
  EXPECT_EQ(Why(Exchange(admin_, subject, "billing")), "CALLER_KIND");
  EXPECT_EQ(Why(Exchange(UserToken("tessera"), subject, "billing")), "CALLER_KIND");
}

TEST_F(ExchangedTokens, AServicesTokenForAnotherAudienceOpensNothingHere) {
  const std::string for_billing = TokenBySecret(secret_, "billing");
  EXPECT_EQ(Why(Exchange(for_billing, UserToken("orders"), "billing")), "TOKEN_AUDIENCE");
}

TEST_F(ExchangedTokens, AreOfNoUseAtTesseraItself) {
  ASSERT_EQ(Why(Exchange(service_, UserToken("orders"), "billing")), "OK");
  v1::GetCurrentUserResponse response;
  const grpc::Status status = server_.Users()->GetCurrentUser(
      With(exchanged_.access_token()).get(), v1::GetCurrentUserRequest(), &response);
  EXPECT_EQ(Why(status), "TOKEN_AUDIENCE");
  EXPECT_EQ(Why(Exchange(service_, UserToken("orders"), "tessera")), "NOT_ALLOWED");
}

TEST_F(ExchangedTokens, OfOtherAudiencesAreRefused) {
  EXPECT_EQ(Why(Exchange(service_, UserToken("billing"), "billing")), "NOT_ALLOWED");
  EXPECT_EQ(Why(Exchange(service_, admin_, "billing")), "NOT_ALLOWED");
  EXPECT_EQ(Why(Exchange(service_, service_, "billing")), "NOT_ALLOWED");
  EXPECT_EQ(Why(Exchange(service_, "", "billing")), "FIELD_INVALID");
  EXPECT_EQ(Why(Exchange(service_, UserToken("orders"), "")), "FIELD_INVALID");
  EXPECT_EQ(Why(Exchange(service_, UserToken("orders"), "nowhere")), "NOT_ALLOWED");
}

}  // namespace
}  // namespace tessera::server
