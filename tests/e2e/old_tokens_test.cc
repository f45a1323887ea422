// An old token of every kind, shown again: each is refused with the right reason, wherever it is
// shown, on both engines, in the clear and over TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/token/key.h"
#include "tests/e2e/assertion.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/old_tokens_world.h"

namespace tessera::testing {
namespace {

using namespace old_tokens;  // NOLINT(google-build-using-namespace): the world

// One kind of old token: what it is told that shows it.
struct Kind {
  const char* name;
  const char* refusal;
  std::function<std::string(World&)> show;
};

void Require(const grpc::Status& status) { EXPECT_TRUE(status.ok()) << status.error_message(); }

void ChangePassword(World& world, const std::string& token) {
  v1::ChangePasswordRequest request;
  request.set_old_password(kPassword);
  request.set_new_password(kNewPassword);
  v1::ChangePasswordResponse response;
  Require(world.users().ChangePassword(ContextWith({token}).get(), request, &response));
}

void Disable(World& world, const std::string& user) {
  v1::UpdateUserRequest request;
  request.mutable_user()->set_id(user);
  request.mutable_user()->set_state(v1::USER_STATE_DISABLED);
  request.mutable_update_mask()->add_paths("state");
  v1::UpdateUserResponse response;
  Require(world.users().UpdateUser(world.AsAdmin().get(), request, &response));
}

void Delete(World& world, const std::string& user) {
  v1::DeleteUserRequest request;
  request.set_user_id(user);
  v1::DeleteUserResponse response;
  Require(world.users().DeleteUser(world.AsAdmin().get(), request, &response));
}

void RevokeSession(World& world, const std::string& session) {
  v1::RevokeSessionRequest request;
  request.set_session_id(session);
  v1::RevokeSessionResponse response;
  Require(world.auth().RevokeSession(world.AsAdmin().get(), request, &response));
}

void RevokeAllSessions(World& world, const std::string& user) {
  v1::RevokeAllSessionsRequest request;
  request.set_user_id(user);
  v1::RevokeAllSessionsResponse response;
  Require(world.auth().RevokeAllSessions(world.AsAdmin().get(), request, &response));
}

void DeleteService(World& world, const std::string& id) {
  v1::DeleteServiceAccountRequest request;
  request.set_service_account_id(id);
  v1::DeleteServiceAccountResponse response;
  Require(world.users().DeleteServiceAccount(world.AsAdmin().get(), request, &response));
}

// Every key that signs; the first one of them goes.
void RevokeSigningKeys(World& world) {
  const std::string admin = world.AdminToken();
  v1::ListSigningKeysResponse keys;
  Require(world.auth().ListSigningKeys(ContextWith({admin}).get(), {}, &keys));
  for (const v1::SigningKeyInfo& key : keys.keys()) {
    if (key.purpose() != v1::KEY_PURPOSE_SIGN || key.state() != v1::KEY_STATE_ACTIVE) continue;
    v1::RevokeSigningKeyRequest request;
    request.set_kid(key.kid());
    v1::RevokeSigningKeyResponse response;
    Require(world.auth().RevokeSigningKey(ContextWith({admin}).get(), request, &response));
  }
}

void MarkStoreRestored(World& world) {
  v1::MarkStoreRestoredResponse response;
  Require(world.auth().MarkStoreRestored(world.AsAdmin().get(), {}, &response));
}

std::string UseAssertionTwice(World& world) {
  const SigningKey key = SigningKey::Generate(Algorithm::kEs256).value();
  const Service service = world.AddService(JwkSetOf(key));
  v1::IssueTokenRequest request;
  request.set_assertion(AssertionOf(service.id, key, world.clock().Now()));
  EXPECT_EQ(world.AtServer(world.Issue(request)), "ACTIVE|USER_NOT_FOUND") << "the first use";
  return world.Issue(request);
}

// Issued by one; afterwards the account stands for nobody in the cluster.
std::string LoseTheClustersName(World& world, std::string& cluster_token) {
  const Service service = world.AddService("", "lost");
  cluster_token = world.cluster().TokenOf("lost", world.clock().Now());
  std::string token = world.IssueByCluster(cluster_token);
  EXPECT_EQ(world.AtServer(token), "ACTIVE|USER_NOT_FOUND");
  v1::UpdateServiceAccountRequest request;
  request.mutable_service_account()->set_id(service.id);
  request.mutable_update_mask()->add_paths("kubernetes_names");
  v1::UpdateServiceAccountResponse response;
  Require(world.users().UpdateServiceAccount(world.AsAdmin().get(), request, &response));
  return token;
}

// The refresh token of a session, after the session was renewed `steps` times.
std::string OutdatedRefreshToken(World& world, int steps, std::string* latest = nullptr) {
  const std::string first = world.LoginNew().refresh_token();
  std::string current = first;
  for (int i = 0; i < steps; ++i) {
    const Renewal renewal = Renew(world.auth(), current);
    EXPECT_EQ(renewal.reason, "");
    current = renewal.grant.refresh_token();
  }
  if (latest != nullptr) *latest = current;
  return first;
}

// Access tokens for tesserad itself.
const Kind kAccessTokens[] = {
    {"revoked", "TOKEN_REVOKED",
     [](World& world) {
       const std::string token = world.LoginNew().access_token();
       Require(Revoke(world.auth(), token));
       return world.AtServer(token);
     }},
    {"of a session that was logged out", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       Require(Logout(world.auth(), grant.refresh_token()));
       return world.AtServer(grant.access_token());
     }},
    {"of a session whose refresh token was revoked", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       Require(Revoke(world.auth(), grant.refresh_token()));
       return world.AtServer(grant.access_token());
     }},
    {"of a session that was ended", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       RevokeSession(world, grant.session_id());
       return world.AtServer(grant.access_token());
     }},
    {"of a user whose sessions were all ended", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       RevokeAllSessions(world, world.id());
       return world.AtServer(grant.access_token());
     }},
    {"from before a change of the password", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       ChangePassword(world, grant.access_token());
       return world.AtServer(grant.access_token());
     }},
    {"of a user who was disabled", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       Disable(world, world.id());
       return world.AtServer(grant.access_token());
     }},
    {"of a user who was deleted", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       Delete(world, world.id());
       return world.AtServer(grant.access_token());
     }},
    {"renewed and revoked", "TOKEN_REVOKED",
     [](World& world) {
       const Renewal renewal = Renew(world.auth(), world.LoginNew().refresh_token());
       Require(Revoke(world.auth(), renewal.grant.access_token()));
       return world.AtServer(renewal.grant.access_token());
     }},
    {"of a service that was deleted", "TOKEN_REVOKED",
     [](World& world) {
       const Service service = world.AddService();
       const std::string token = world.IssueBySecret(service);
       DeleteService(world, service.id);
       return world.AtServer(token);
     }},
};

// Access tokens for the guarded service, or shown to it.
const Kind kAtAService[] = {
    {"revoked", "TOKEN_REVOKED",
     [](World& world) {
       const std::string token = world.LoginNew("orders").access_token();
       Require(Revoke(world.auth(), token));
       return world.AtOrders(token);
     }},
    {"of a session that was logged out", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew("orders");
       Require(Logout(world.auth(), grant.refresh_token()));
       return world.AtOrders(grant.access_token());
     }},
    {"of a user who was disabled", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew("orders");
       Disable(world, world.id());
       return world.AtOrders(grant.access_token());
     }},
    {"for the server, shown to the service", "TOKEN_AUDIENCE",
     [](World& world) { return world.AtOrdersGuard(world.LoginNew().access_token()); }},
    {"for another service", "TOKEN_AUDIENCE",
     [](World& world) { return world.AtOrdersGuard(world.LoginNew("billing").access_token()); }},
    {"for the service, shown to the server", "ACTIVE|TOKEN_AUDIENCE",
     [](World& world) { return world.AtServer(world.LoginNew("orders").access_token()); }},
    {"a refresh token, shown to the service", "TOKEN_MALFORMED",
     [](World& world) { return world.AtOrdersGuard(world.LoginNew("orders").refresh_token()); }},
};

const Kind kRefreshTokens[] = {
    {"offered as an access token", "TOKEN_TYPE|TOKEN_MALFORMED",
     [](World& world) { return world.AtServer(world.LoginNew().refresh_token()); }},
    {"an access token offered as one", "TOKEN_MALFORMED",
     [](World& world) { return Renew(world.auth(), world.LoginNew().access_token()).reason; }},
    {"two generations old", "REFRESH_REUSED",
     [](World& world) { return Renew(world.auth(), OutdatedRefreshToken(world, 2)).reason; }},
    {"the latest, of a session that ended by reuse", "SESSION_ENDED",
     [](World& world) {
       std::string latest;
       const std::string first = OutdatedRefreshToken(world, 2, &latest);
       EXPECT_EQ(Renew(world.auth(), first).reason, "REFRESH_REUSED");
       return Renew(world.auth(), latest).reason;
     }},
    {"of a session that was logged out", "SESSION_ENDED",
     [](World& world) {
       const std::string token = world.LoginNew().refresh_token();
       Require(Logout(world.auth(), token));
       return Renew(world.auth(), token).reason;
     }},
    {"of a session that was ended", "SESSION_ENDED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       RevokeSession(world, grant.session_id());
       return Renew(world.auth(), grant.refresh_token()).reason;
     }},
    {"from before a change of the password", "SESSION_ENDED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       ChangePassword(world, grant.access_token());
       return Renew(world.auth(), grant.refresh_token()).reason;
     }},
    {"of a user who was deleted", "SESSION_ENDED",
     [](World& world) {
       const v1::TokenGrant grant = world.LoginNew();
       Delete(world, world.id());
       return Renew(world.auth(), grant.refresh_token()).reason;
     }},
};

const Kind kServicesProofs[] = {
    {"an assertion used twice", "BAD_CREDENTIALS", UseAssertionTwice},
    {"the secret of an account that was deleted", "BAD_CREDENTIALS",
     [](World& world) {
       const Service service = world.AddService();
       DeleteService(world, service.id);
       return world.IssueBySecret(service);
     }},
    {"a user's access token as an assertion", "BAD_CREDENTIALS",
     [](World& world) {
       v1::IssueTokenRequest request;
       request.set_assertion(world.LoginNew().access_token());
       return world.Issue(request);
     }},
};

// The cluster's own are for many uses, so that it is their account that ends them, or their time.
const Kind kClusterTokens[] = {
    {"of an account that was deleted", "BAD_CREDENTIALS",
     [](World& world) {
       const Service service = world.AddService("", "deleted");
       const std::string token = world.cluster().TokenOf("deleted", world.clock().Now());
       for (int use = 0; use < 2; ++use) {
         EXPECT_EQ(world.AtServer(world.IssueByCluster(token)), "ACTIVE|USER_NOT_FOUND") << use;
       }
       DeleteService(world, service.id);
       return world.IssueByCluster(token);
     }},
    {"whose name was taken from the account", "BAD_CREDENTIALS",
     [](World& world) {
       std::string cluster_token;
       LoseTheClustersName(world, cluster_token);
       return world.IssueByCluster(cluster_token);
     }},
    {"offered as an access token", "TOKEN_UNKNOWN_KEY",
     [](World& world) {
       return world.AtServer(world.cluster().TokenOf("any", world.clock().Now()));
     }},
};

const Kind kIssuedTokens[] = {
    {"for a cluster's token, whose name was taken from the account", "TOKEN_REVOKED",
     [](World& world) {
       std::string ignored;
       return world.AtServer(LoseTheClustersName(world, ignored));
     }},
    {"for another service by an account that was deleted", "TOKEN_REVOKED",
     [](World& world) {
       const Service service = world.AddService();
       const std::string token = world.IssueBySecret(service, "orders");
       EXPECT_EQ(world.AtOrders(token), "ACTIVE");
       DeleteService(world, service.id);
       return world.AtOrders(token);
     }},
};

const Kind kExchangedTokens[] = {
    {"of a parent that was revoked", "TOKEN_REVOKED",
     [](World& world) {
       const std::string parent = world.LoginNew("orders").access_token();
       const std::string token = world.Exchange(parent);
       EXPECT_EQ(Verdict(world.auth(), token), "ACTIVE");
       Require(Revoke(world.auth(), parent));
       return Verdict(world.auth(), token);
     }},
    {"of a session that was logged out", "TOKEN_REVOKED",
     [](World& world) {
       const v1::TokenGrant parent = world.LoginNew("orders");
       const std::string token = world.Exchange(parent.access_token());
       EXPECT_EQ(Verdict(world.auth(), token), "ACTIVE");
       Require(Logout(world.auth(), parent.refresh_token()));
       return Verdict(world.auth(), token);
     }},
    {"that a revoked token is exchanged for", "TOKEN_REVOKED",
     [](World& world) {
       const std::string parent = world.LoginNew("orders").access_token();
       Require(Revoke(world.auth(), parent));
       return world.Exchange(parent);
     }},
};

// Behind what is above: these move the clock, or end every token.
const Kind kByTime[] = {
    {"an access token that expired", "TOKEN_EXPIRED",
     [](World& world) {
       const std::string token = world.LoginNew().access_token();
       world.clock().Advance(absl::Minutes(15) + absl::Seconds(6));
       return world.AtServer(token);
     }},
    {"an access token for a service that expired", "TOKEN_EXPIRED",
     [](World& world) {
       const std::string token = world.LoginNew("orders").access_token();
       world.clock().Advance(absl::Minutes(15) + absl::Seconds(6));
       return world.AtOrders(token);
     }},
    {"a service's own token that expired", "TOKEN_EXPIRED",
     [](World& world) {
       const std::string token = world.IssueBySecret(world.AddService());
       EXPECT_EQ(world.AtServer(token), "ACTIVE|USER_NOT_FOUND");
       world.clock().Advance(absl::Minutes(15) + absl::Seconds(6));
       return world.AtServer(token);
     }},
    {"a service's own token for another service that expired", "TOKEN_EXPIRED",
     [](World& world) {
       const std::string token = world.IssueBySecret(world.AddService(), "orders");
       EXPECT_EQ(world.AtOrders(token), "ACTIVE");
       world.clock().Advance(absl::Minutes(15) + absl::Seconds(6));
       return world.AtOrders(token);
     }},
    {"a cluster's token that expired", "BAD_CREDENTIALS",
     [](World& world) {
       world.AddService("", "expired");
       const std::string token =
           world.cluster().TokenOf("expired", world.clock().Now(), absl::Minutes(10));
       EXPECT_EQ(world.AtServer(world.IssueByCluster(token)), "ACTIVE|USER_NOT_FOUND");
       world.clock().Advance(absl::Minutes(10) + absl::Seconds(6));
       return world.IssueByCluster(token);
     }},
    {"an exchanged token whose parent expired", "TOKEN_EXPIRED",
     [](World& world) {
       const std::string parent = world.LoginNew("orders").access_token();
       world.clock().Advance(absl::Minutes(10));
       const std::string token = world.Exchange(parent);
       EXPECT_EQ(Verdict(world.auth(), token), "ACTIVE");
       world.clock().Advance(absl::Minutes(5) + absl::Seconds(6));
       return Verdict(world.auth(), token);
     }},
    {"a refresh token that was replaced, behind the grace", "REFRESH_REUSED",
     [](World& world) {
       const std::string token = OutdatedRefreshToken(world, 1);
       world.clock().Advance(absl::Seconds(31));
       return Renew(world.auth(), token).reason;
     }},
    {"an assertion that expired", "BAD_CREDENTIALS",
     [](World& world) {
       const SigningKey key = SigningKey::Generate(Algorithm::kEs256).value();
       const Service service = world.AddService(JwkSetOf(key));
       v1::IssueTokenRequest request;
       request.set_assertion(AssertionOf(service.id, key, world.clock().Now()));
       world.clock().Advance(absl::Seconds(66));
       return world.Issue(request);
     }},
    {"a refresh token of a session that was idle for too long", "SESSION_ENDED",
     [](World& world) {
       const std::string token = world.LoginNew().refresh_token();
       world.clock().Advance(absl::Hours(24 * 7));
       return Renew(world.auth(), token).reason;
     }},
};

const Kind kByKeys[] = {
    {"an access token whose key was revoked", "TOKEN_REVOKED",
     [](World& world) {
       const std::string token = world.LoginNew().access_token();
       RevokeSigningKeys(world);
       return world.AtServer(token);
     }},
    {"an access token from before a restore", "TOKEN_REVOKED",
     [](World& world) {
       const std::string token = world.LoginNew().access_token();
       MarkStoreRestored(world);
       return world.AtServer(token);
     }},
    {"a refresh token from before a restore", "SESSION_ENDED",
     [](World& world) {
       const std::string token = world.LoginNew().refresh_token();
       MarkStoreRestored(world);
       return Renew(world.auth(), token).reason;
     }},
};

class OldTokens : public ::testing::TestWithParam<std::tuple<Transport, TestEngine>> {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(world_.Start()); }

  template <size_t N>
  void ExpectRefused(const Kind (&kinds)[N]) {
    for (const Kind& kind : kinds) EXPECT_EQ(kind.show(world_), kind.refusal) << kind.name;
  }

  World world_{std::get<0>(GetParam()), std::get<1>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(
    On, OldTokens,
    ::testing::Combine(::testing::Values(Transport::kPlaintext, Transport::kTls),
                       ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb)),
    [](const auto& test) {
      return absl::StrCat(std::get<1>(test.param) == TestEngine::kSqlite ? "Sqlite" : "MariaDb",
                          std::get<0>(test.param) == Transport::kTls ? "Tls" : "Plaintext");
    });

TEST_P(OldTokens, GoodOnesAreTaken) {
  EXPECT_EQ(world_.AtServer(world_.LoginNew().access_token()), "ACTIVE");
  EXPECT_EQ(world_.AtOrders(world_.LoginNew("orders").access_token()), "ACTIVE");
  EXPECT_EQ(Renew(world_.auth(), world_.LoginNew().refresh_token()).reason, "");
}

TEST_P(OldTokens, AreRefusedByTheServer) {
  ExpectRefused(kAccessTokens);
  ExpectRefused(kRefreshTokens);
}

TEST_P(OldTokens, AreRefusedByAGuardedService) { ExpectRefused(kAtAService); }

TEST_P(OldTokens, OfServicesAndOnBehalfOfOthersAreRefused) {
  ExpectRefused(kServicesProofs);
  ExpectRefused(kClusterTokens);
  ExpectRefused(kIssuedTokens);
  ExpectRefused(kExchangedTokens);
}

TEST_P(OldTokens, AreRefusedWhenTheirTimeIsOver) { ExpectRefused(kByTime); }

TEST_P(OldTokens, AreRefusedWhenTheirKeyIsGone) { ExpectRefused(kByKeys); }

}  // namespace
}  // namespace tessera::testing
