// Service accounts over the wire: who gets a token, who does not, and what ends it; on SQLite with
// one server, on MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;

class ServiceAccounts : public Servers {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartServers());
    here().AddRole("orders.admin", {"orders"});
    orders_ = std::make_unique<GuardedOrders>(there(), Transport::kPlaintext, Api::kCallback);
    service_ = here().AddService({"billing", {"orders.admin"}, {"orders"}});
    admin_ = here().LoginAdmin().access_token();
  }

  struct Issued {
    std::string reason;  // empty: there is a token
    std::string token;
  };
  Issued Issue(Tesserad& server, const std::string& secret, const std::string& audience) {
    v1::IssueTokenRequest request;
    request.set_secret(secret);
    request.set_audience(audience);
    v1::IssueTokenResponse response;
    const grpc::Status status =
        server.Auth()->IssueToken(ContextWith({}).get(), request, &response);
    return {status.ok() ? "" : ReasonOf(status), response.access_token()};
  }
  std::string Rotate(Tesserad& server, int64_t keep_old_seconds) {
    v1::RotateServiceAccountSecretRequest request;
    request.set_service_account_id(service_.id);
    request.mutable_keep_old_for()->set_seconds(keep_old_seconds);
    v1::RotateServiceAccountSecretResponse response;
    const grpc::Status status =
        server.Users()->RotateServiceAccountSecret(ContextWith({admin_}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.secret();
  }
  std::string SetState(v1::ServiceAccountState state) {
    v1::UpdateServiceAccountRequest request;
    request.mutable_service_account()->set_id(service_.id);
    request.mutable_service_account()->set_state(state);
    request.mutable_update_mask()->add_paths("state");
    v1::UpdateServiceAccountResponse response;
    const grpc::Status status =
        here().Users()->UpdateServiceAccount(ContextWith({admin_}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  }
  bool Soon(const std::string& verdict, const std::string& token) {
    return Within(kSoon, [&] {
      return Verdict(*there().Auth(), token) == verdict && Verdict(*orders_, token) == verdict;
    });
  }

  std::unique_ptr<GuardedOrders> orders_;  // hangs on there()
  Tesserad::Service service_;
  std::string admin_;
};

TEST_P(ServiceAccounts, ACallerWithASecretIsAdmittedAsTheAccount) {
  CallerOptions options;
  options.auth_server = there().NewChannel();
  options.service.emplace();
  options.service->secret = [this] { return Secret(service_.secret); };
  options.service->audience = "orders";
  options.allow_plaintext = true;
  options.clock = &there().clock();
  const auto caller = *Caller::Create(options);
  const auto stub = pb::OrderService::NewStub(
      caller->CreateChannel(orders_->address(), grpc::InsecureChannelCredentials()));
  pb::CancelOrderResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->CancelOrder(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.order().item(), service_.id);
}

TEST_P(ServiceAccounts, ASecretThatIsRotatedAwayAtOneReplicaIsDeadAtTheOther) {
  const std::string before = Issue(there(), service_.secret, "orders").token;
  ASSERT_TRUE(Soon("ACTIVE", before));
  const std::string kept = Rotate(here(), 3600);
  EXPECT_EQ(Issue(there(), service_.secret, "orders").reason, "");
  EXPECT_EQ(Issue(there(), kept, "orders").reason, "");
  const std::string fresh = Rotate(here(), 0);
  EXPECT_EQ(Issue(there(), service_.secret, "orders").reason, "BAD_CREDENTIALS");
  EXPECT_EQ(Issue(there(), kept, "orders").reason, "BAD_CREDENTIALS");
  EXPECT_TRUE(Soon("TOKEN_REVOKED", before));
  EXPECT_TRUE(Soon("ACTIVE", Issue(there(), fresh, "orders").token));
}

TEST_P(ServiceAccounts, ADisabledAccountHasNoLiveTokenAnywhere) {
  const std::string token = Issue(there(), service_.secret, "orders").token;
  ASSERT_TRUE(Soon("ACTIVE", token));
  EXPECT_EQ(SetState(v1::SERVICE_ACCOUNT_STATE_DISABLED), "");
  EXPECT_EQ(Verdict(*here().Auth(), token), "TOKEN_REVOKED") << "before the answer";
  EXPECT_TRUE(Soon("TOKEN_REVOKED", token));
  EXPECT_EQ(Issue(there(), service_.secret, "orders").reason, "BAD_CREDENTIALS");
  EXPECT_EQ(SetState(v1::SERVICE_ACCOUNT_STATE_ACTIVE), "");
  EXPECT_EQ(Verdict(*here().Auth(), token), "TOKEN_REVOKED");
  EXPECT_EQ(Issue(there(), service_.secret, "orders").reason, "");
}

TEST_P(ServiceAccounts, AnAudienceThatIsNotTheAccountsIsNotGiven) {
  EXPECT_EQ(Issue(here(), service_.secret, "tessera").reason, "NOT_ALLOWED");
  EXPECT_EQ(Issue(here(), service_.secret, "").reason, "NOT_ALLOWED");
  EXPECT_EQ(Issue(here(), service_.secret, "nowhere").reason, "FIELD_INVALID");
}

TEST_P(ServiceAccounts, AUsersTokenIsNoServicesAndTheReverse) {
  v1::ExchangeTokenRequest exchange;
  exchange.set_subject_token(admin_);
  exchange.set_audience("orders");
  v1::ExchangeTokenResponse exchanged;
  const grpc::Status as_user =
      here().Auth()->ExchangeToken(ContextWith({admin_}).get(), exchange, &exchanged);
  EXPECT_EQ(as_user.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOf(as_user), "CALLER_KIND");

  const Tesserad::Service own = here().AddService({"own", {}, {"tessera"}});
  const std::string token = Issue(here(), own.secret, "").token;
  v1::ChangePasswordRequest change;
  change.set_old_password(own.secret);
  change.set_new_password("a password for nobody");
  v1::ChangePasswordResponse changed;
  EXPECT_FALSE(here().Users()->ChangePassword(ContextWith({token}).get(), change, &changed).ok());
  v1::GetCurrentUserResponse current;
  EXPECT_FALSE(here().Users()->GetCurrentUser(ContextWith({token}).get(), {}, &current).ok());
  // Without the role it administers nothing.
  v1::ListServiceAccountsResponse list;
  const grpc::Status listed =
      here().Users()->ListServiceAccounts(ContextWith({token}).get(), {}, &list);
  EXPECT_EQ(ReasonOf(listed), "ROLE_REQUIRED");
}

TEST_P(ServiceAccounts, AnAccountThatAdministersDoesSoUntilItLosesTheRole) {
  const Tesserad::Service deployer =
      here().AddService({"deployer", {"tessera.admin"}, {"tessera"}});
  const std::string token = Issue(here(), deployer.secret, "").token;
  const auto create = [&](const std::string& name) {
    v1::CreateServiceAccountRequest request;
    request.mutable_service_account()->set_name(name);
    v1::CreateServiceAccountResponse response;
    const grpc::Status status =
        there().Users()->CreateServiceAccount(ContextWith({token}).get(), request, &response);
    return status.ok() ? std::string() : ReasonOf(status);
  };
  EXPECT_EQ(create("made-by-it"), "");
  v1::UpdateServiceAccountRequest update;
  update.mutable_service_account()->set_id(deployer.id);
  update.mutable_update_mask()->add_paths("roles");
  v1::UpdateServiceAccountResponse updated;
  ASSERT_TRUE(
      here().Users()->UpdateServiceAccount(ContextWith({admin_}).get(), update, &updated).ok());
  // The guard may not know yet; the write asks again in its transaction.
  EXPECT_NE(create("made-too-late"), "");
}

// What is asked without a token must not tell who exists.
TEST_P(ServiceAccounts, NobodyLearnsWhichSecretsExist) {
  const std::string& good = service_.secret;
  const std::string unknown = "tss_" + std::string(26, '0') + good.substr(30);
  const std::string wrong = good.substr(0, 30) + std::string(43, 'A');
  const auto refusal = [&](const std::string& secret) {
    v1::IssueTokenRequest request;
    request.set_secret(secret);
    request.set_audience("orders");
    v1::IssueTokenResponse response;
    const grpc::Status status =
        here().Auth()->IssueToken(ContextWith({}).get(), request, &response);
    return absl::StrCat(status.error_code(), status.error_message(), status.error_details());
  };
  EXPECT_EQ(refusal(unknown), refusal(wrong));
  EXPECT_EQ(refusal("tss_x"), refusal(wrong));
}

INSTANTIATE_TEST_SUITE_P(On, ServiceAccounts, BothEngines(), EngineName);

}  // namespace
}  // namespace tessera::testing
