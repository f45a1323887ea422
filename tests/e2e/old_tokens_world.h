// Where tokens are given out and grow old.
#ifndef TESSERA_TESTS_E2E_OLD_TOKENS_WORLD_H_
#define TESSERA_TESTS_E2E_OLD_TOKENS_WORLD_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing::old_tokens {

inline constexpr char kPassword[] = "a password of somebody";
inline constexpr char kNewPassword[] = "another password";

struct Service {
  std::string id;
  std::string secret;
};

// A server, a guarded service that hangs on it, and users and services that nobody else uses.
class World {
 public:
  World(Transport transport, TestEngine engine) : transport_(transport) {
    if (engine == TestEngine::kMariaDb) database_.emplace(MariaDb::Shared());
    Tesserad::Options options;
    options.transport = transport;
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    options.environment = cluster_.environment();
    options.environment.push_back("TESSERA_KEYS_PUBLISH_AHEAD=0s");
    tesserad_ = std::make_unique<Tesserad>(options);
  }
  void Start() {
    ASSERT_NO_FATAL_FAILURE(tesserad_->Start());
    auth_ = tesserad_->Auth();
    users_ = tesserad_->Users();
    orders_ = std::make_unique<GuardedOrders>(*tesserad_, transport_, Api::kCallback);
  }

  v1::AuthService::Stub& auth() { return *auth_; }
  v1::UserService::Stub& users() { return *users_; }
  SharedClock& clock() { return tesserad_->clock(); }

  std::string AddUser() {
    name_ = absl::StrCat("user", ++count_);
    id_ = tesserad_->AddUser(name_, kPassword);
    return id_;
  }
  // Of the user that was added last.
  v1::TokenGrant Login(const std::string& audience = "") {
    return tesserad_->Login(name_, kPassword, audience);
  }
  v1::TokenGrant LoginNew(const std::string& audience = "") {
    AddUser();
    return Login(audience);
  }
  const std::string& id() const { return id_; }
  std::string AdminToken() { return tesserad_->LoginAdmin().access_token(); }
  std::unique_ptr<grpc::ClientContext> AsAdmin() { return ContextWith({AdminToken()}); }

  Service AddService(const std::string& public_jwks = "", const std::string& in_cluster = "") {
    v1::CreateServiceAccountRequest request;
    v1::ServiceAccount& account = *request.mutable_service_account();
    account.set_name(absl::StrCat("service", ++count_));
    for (const char* audience : {"tessera", "billing", "orders"}) account.add_audiences(audience);
    account.add_served_audiences("orders");
    account.set_public_jwks_json(public_jwks);
    if (!in_cluster.empty()) account.add_kubernetes_names(Cluster::FullName(in_cluster));
    v1::CreateServiceAccountResponse response;
    const grpc::Status status = users_->CreateServiceAccount(AsAdmin().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.service_account().id(), response.secret()};
  }
  // The token, or the reason of the refusal.
  std::string Issue(const v1::IssueTokenRequest& request) {
    v1::IssueTokenResponse response;
    const grpc::Status status = auth_->IssueToken(ContextWith({}).get(), request, &response);
    return status.ok() ? response.access_token() : ReasonOf(status);
  }
  std::string IssueBySecret(const Service& service, const std::string& audience = "") {
    v1::IssueTokenRequest request;
    request.set_secret(service.secret);
    request.set_audience(audience);
    return Issue(request);
  }
  const Cluster& cluster() const { return cluster_; }
  std::string IssueByCluster(const std::string& cluster_token) {
    v1::IssueTokenRequest request;
    request.set_kubernetes_token(cluster_token);
    return Issue(request);
  }
  // A token for billing on behalf of the subject, by a service that serves orders.
  std::string Exchange(const std::string& subject_token) {
    v1::ExchangeTokenRequest request;
    request.set_subject_token(subject_token);
    request.set_audience("billing");
    v1::ExchangeTokenResponse response;
    const grpc::Status status =
        auth_->ExchangeToken(ContextWith({IssueBySecret(AddService())}).get(), request, &response);
    return status.ok() ? response.access_token() : ReasonOf(status);
  }

  // What ValidateToken says, and what the server's own guard says if that is something else.
  std::string AtServer(const std::string& token) {
    const std::string validated = Verdict(*auth_, token);
    v1::GetCurrentUserResponse response;
    const grpc::Status status = users_->GetCurrentUser(ContextWith({token}).get(), {}, &response);
    const std::string guarded = status.ok() ? "ACTIVE" : ReasonOf(status);
    return validated == guarded ? validated : absl::StrCat(validated, "|", guarded);
  }
  // What ValidateToken says of a token for orders, and the service's guard, soon.
  std::string AtOrders(const std::string& token) {
    const std::string validated = Verdict(*auth_, token);
    std::string guarded;
    Within(kSoon, [&] {
      guarded = Verdict(*orders_, token);
      return guarded == validated;
    });
    return validated == guarded ? validated : absl::StrCat(validated, "|", guarded);
  }
  std::string AtOrdersGuard(const std::string& token) { return Verdict(*orders_, token); }

 private:
  const Transport transport_;
  const Cluster cluster_;
  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> tesserad_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::unique_ptr<v1::UserService::Stub> users_;
  std::unique_ptr<GuardedOrders> orders_;
  int count_ = 0;
  std::string name_, id_;
};

}  // namespace tessera::testing::old_tokens

#endif  // TESSERA_TESTS_E2E_OLD_TOKENS_WORLD_H_
