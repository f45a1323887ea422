// Service accounts that prove themselves by assertion, cluster token and certificate.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/kubernetes_tokens.h"
#include "tests/server/auth/service_world.h"

namespace tessera::server {
namespace {

using nlohmann::json;
using testing::KeyOf;
using testing::SetOf;

const SigningKey& KeyA() { return KeyOf(Algorithm::kEs256); }
const SigningKey& KeyB() { return KeyOf(Algorithm::kEdDsa); }

storage::ServiceAccount AddA(ServiceWorld& world) {
  return world.AddAccount("a", [](auto& account) { account.public_jwks = SetOf(KeyA()).ToJson(); });
}

TEST(AssertionProof, AGoodAssertionBringsATokenThatSaysHow) {
  ServiceWorld world;
  const auto account = AddA(world);
  const auto issued = world.IssueBy(world.AssertionOf(account.id, "1", KeyA()));
  ASSERT_TRUE(issued.ok()) << issued.status();
  const Claims claims = world.ClaimsOf(issued->access_token);
  EXPECT_EQ(claims.subject, account.id.str());
  EXPECT_EQ(claims.amr, std::vector<std::string>{"private_key_jwt"});
  EXPECT_TRUE(claims.certificate.empty());
}

TEST(AssertionProof, IsTakenOnce) {
  ServiceWorld world;
  const auto account = AddA(world);
  const Secret assertion = world.AssertionOf(account.id, "1", KeyA());
  EXPECT_EQ(Reason(world.IssueBy(assertion)), "OK");
  EXPECT_EQ(Reason(world.IssueBy(assertion)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "replayed"), 1);
  EXPECT_EQ(Reason(world.IssueBy(world.AssertionOf(account.id, "2", KeyA()))), "OK");
}

TEST(AssertionProof, TheSameIdOfAnotherAccountIsAnotherUse) {
  ServiceWorld world;
  const auto a = AddA(world);
  const auto b =
      world.AddAccount("b", [](auto& account) { account.public_jwks = SetOf(KeyB()).ToJson(); });
  EXPECT_EQ(Reason(world.IssueBy(world.AssertionOf(a.id, "1", KeyA()))), "OK");
  EXPECT_EQ(Reason(world.IssueBy(world.AssertionOf(b.id, "1", KeyB()))), "OK");
}

// On SQLite two threads of one replica, elsewhere two replicas.
TEST(AssertionProof, ShownAtTwoPlacesAtOnceItIsTakenAtOne) {
  ServiceWorld first;
  const auto account = AddA(first);
  std::unique_ptr<ServiceWorld> other;
  if (first.database->HoldsReplicas()) other = std::make_unique<ServiceWorld>(first);
  ServiceWorld& second = other == nullptr ? first : *other;
  for (int round = 0; round < 20; ++round) {
    const Secret assertion =
        first.AssertionOf(account.id, "round-" + std::to_string(round), KeyA());
    std::atomic<int> taken{0};
    std::atomic<int> refused{0};
    const auto show = [&](ServiceWorld& world) {
      const std::string answer = Reason(world.IssueBy(assertion));
      ++(answer == "OK" ? taken : refused);
      EXPECT_TRUE(answer == "OK" || answer == "BAD_CREDENTIALS") << answer;
    };
    std::thread beside([&] { show(second); });
    show(first);
    beside.join();
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(refused, 1);
  }
}

TEST(AssertionProof, AnAnswerLostAtTheCommitIsNoReplay) {
  ServiceWorld world;
  const auto account = AddA(world);
  world.store->LoseNextAnswer();
  const Secret assertion = world.AssertionOf(account.id, "1", KeyA());
  EXPECT_EQ(Reason(world.IssueBy(assertion)), "OK");
  EXPECT_EQ(Reason(world.IssueBy(assertion)), "BAD_CREDENTIALS");
}

// Or anybody could spoil the next `jti` of somebody else, if it can be guessed.
TEST(AssertionProof, WhatIsNotGoodSpoilsNoId) {
  ServiceWorld world;
  const auto account = AddA(world);
  const int64_t now = absl::ToUnixSeconds(world.clock.Now());
  json payload = {{"iss", account.id.str()},
                  {"sub", account.id.str()},
                  {"aud", world.policy.issuer},
                  {"jti", "1"},
                  {"iat", now},
                  {"exp", now + 300}};
  EXPECT_EQ(Reason(world.IssueBy(ServiceWorld::Jwt(payload, KeyB()))), "BAD_CREDENTIALS");
  const SigningKey forged = *SigningKey::Generate(Algorithm::kEs256);
  const json header = {{"alg", "ES256"}, {"kid", KeyA().kid()}};
  EXPECT_EQ(Reason(world.IssueBy(Secret(testing::Compact(header.dump(), payload.dump(), forged)))),
            "BAD_CREDENTIALS");
  json late = payload;
  late["exp"] = now - 10;
  EXPECT_EQ(Reason(world.IssueBy(ServiceWorld::Jwt(late, KeyA()))), "BAD_CREDENTIALS");
  EXPECT_EQ(Reason(world.IssueBy(ServiceWorld::Jwt(payload, KeyA()))), "OK");
}

TEST(AssertionProof, EveryRefusalIsOneAnswerAndItsCauseIsInTheLogAlone) {
  ServiceWorld world;
  const auto a = AddA(world);
  const auto b =
      world.AddAccount("b", [](auto& account) { account.public_jwks = SetOf(KeyB()).ToJson(); });
  const auto text = [&](const Secret& assertion) {
    return world.IssueBy(assertion).status().ToString();
  };
  const std::string of_a_by_b = text(world.AssertionOf(a.id, "1", KeyB()));
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "TOKEN_UNKNOWN_KEY"), 1);
  EXPECT_EQ(text(world.AssertionOf(ServiceId::Random(world.clock.Now()), "1", KeyA())), of_a_by_b);
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "unknown_account"), 1);
  EXPECT_EQ(text(Secret("x.y.z")), of_a_by_b);
  world.ChangeAccount(
      a.id, [](auto& account) { account.state = storage::ServiceAccountState::kDisabled; });
  EXPECT_EQ(text(world.AssertionOf(a.id, "2", KeyA())), of_a_by_b);
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "disabled"), 1);
  EXPECT_NE(of_a_by_b.find("BAD_CREDENTIALS"), std::string::npos);
}

TEST(AssertionProof, OfNoAccountAsksTheStoreForNothing) {
  ServiceWorld world;
  const int before = world.store->calls();
  for (const char* text : {"x", "x.y.z", ""}) {
    EXPECT_EQ(Reason(world.IssueBy(Secret(text))), "BAD_CREDENTIALS");
  }
  const Secret user = ServiceWorld::Jwt({{"iss", "usr_1"}}, KeyA());
  EXPECT_EQ(Reason(world.IssueBy(user)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.store->calls(), before);
}

TEST(AssertionProof, AKeyThatWasTakenAwayMeanwhileProvesNothing) {
  ServiceWorld world;
  const auto account = AddA(world);
  world.store->BeforeNextWrite(
      [&] { world.ChangeAccount(account.id, [](auto& changed) { changed.public_jwks.clear(); }); });
  const Secret assertion = world.AssertionOf(account.id, "1", KeyA());
  EXPECT_EQ(Reason(world.IssueBy(assertion)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "account_changed"), 1);
}

// The account's own access token, for tessera itself, shown as if it were an assertion.
TEST(AssertionProof, AnAccessTokenOfOursIsNoAssertion) {
  ServiceWorld world;
  const auto account = AddA(world);
  const auto issued = world.IssueBy(world.AssertionOf(account.id, "1", KeyA()));
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(Reason(world.IssueBy(issued->access_token)), "BAD_CREDENTIALS");
}

TEST(AssertionProof, IsForgottenOnlyAfterItsEnd) {
  ServiceWorld world;
  const auto account = AddA(world);
  const Secret assertion = world.AssertionOf(account.id, "1", KeyA());
  ASSERT_EQ(Reason(world.IssueBy(assertion)), "OK");
  world.clock.Advance(absl::Seconds(304));
  world.Write([&](storage::Repositories& in) {
    return in.services.DeleteExpiredAssertions(world.clock.Now(), 1000).status();
  });
  EXPECT_EQ(Reason(world.IssueBy(assertion)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "replayed"), 1);
}

ClientCertificate Certificate(std::vector<std::string> names) {
  return {"thumb-1", std::move(names)};
}

TEST(CertificateProof, ANameOfTheCertificateLeadsToItsAccountAndTheTokenIsBound) {
  ServiceWorld world;
  const auto account = world.AddAccount("a", [](auto& added) {
    added.certificate_names = {"orders.example.test", "spiffe://example.test/orders"};
  });
  world.call.certificate = Certificate({"10.0.0.7", "spiffe://example.test/orders"});
  const auto issued = world.Issue(CertificateCredential{});
  ASSERT_TRUE(issued.ok()) << issued.status();
  const Claims claims = world.ClaimsOf(issued->access_token);
  EXPECT_EQ(claims.subject, account.id.str());
  EXPECT_EQ(claims.certificate, "thumb-1");
  EXPECT_EQ(claims.amr, std::vector<std::string>{"tls_client_auth"});
}

TEST(CertificateProof, WithoutACertificateNothingIsJudged) {
  ServiceWorld world;
  const auto refused = world.Issue(CertificateCredential{});
  EXPECT_EQ(Reason(refused), "CERTIFICATE_MISSING");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(CertificateProof, NamesOfTwoAccountsStandForNobody) {
  ServiceWorld world;
  world.AddAccount("a", [](auto& added) { added.certificate_names = {"a.test", "a2.test"}; });
  world.AddAccount("b", [](auto& added) { added.certificate_names = {"b.test"}; });
  world.call.certificate = Certificate({"a.test", "a2.test"});
  EXPECT_EQ(Reason(world.Issue(CertificateCredential{})), "OK");
  world.call.certificate = Certificate({"a.test", "b.test"});
  EXPECT_EQ(Reason(world.Issue(CertificateCredential{})), "BAD_CREDENTIALS");
  EXPECT_EQ(world.log.Count("service_token.refused", "reason", "ambiguous_certificate"), 1);
}

TEST(CertificateProof, UnknownNamesAndFloodsOfThemAreRefused) {
  ServiceWorld world;
  world.AddAccount("a", [](auto& added) { added.certificate_names = {"a.test"}; });
  for (const auto& names : std::vector<std::vector<std::string>>{
           {}, {"A.test"}, {"a.test."}, {"xa.test"}, {"%"}, {""}}) {
    world.call.certificate = Certificate(names);
    EXPECT_EQ(Reason(world.Issue(CertificateCredential{})), "BAD_CREDENTIALS");
  }
  std::vector<std::string> many(kMaxCertificateNames, "x.test");
  many.push_back("a.test");
  world.call.certificate = Certificate(many);
  const int before = world.store->reads();
  EXPECT_EQ(Reason(world.Issue(CertificateCredential{})), "BAD_CREDENTIALS");
  EXPECT_EQ(world.store->reads(), before + 1);
}

// A cluster's tokens, with a key set in hand.
class ClusterProof : public ::testing::Test {
 protected:
  static constexpr char kIssuer[] = "https://cluster.example.test";

  json Payload() {
    const int64_t now = absl::ToUnixSeconds(world_.clock.Now());
    return {{"iss", kIssuer},
            {"sub", "system:serviceaccount:shop:orders"},
            {"aud", json::array({"tessera"})},
            {"iat", now},
            {"nbf", now},
            {"exp", now + 24 * 3600},
            {"kubernetes.io",
             {{"namespace", "shop"},
              {"pod", {{"name", "orders-0"}, {"uid", "1"}}},
              {"serviceaccount", {{"name", "orders"}, {"uid", "2"}}}}}};
  }
  absl::StatusOr<IssuedServiceToken> Issue(const json& payload,
                                           const SigningKey& key = KeyOf(Algorithm::kRs256)) {
    ServiceTokenIssuer issuer(world_.policy, {nullptr, nullptr, &check_, nullptr},
                              {*world_.keys, world_.clock, world_.log});
    auto input =
        issuer.Check(world_.call, {KubernetesCredential{ServiceWorld::Jwt(payload, key)}, "", {}});
    if (!input.ok()) return input.status();
    return issuer.Issue(world_.call, *input);
  }

  ServiceWorld world_;
  std::shared_ptr<KeySource> keys_ = KeysInHand(SetOf(KeyOf(Algorithm::kRs256)));
  KubernetesTokens tokens_{{kIssuer, "tessera", absl::Seconds(5)}, keys_};
  KubernetesCheck check_{tokens_, *world_.store, world_.clock};
};

TEST_F(ClusterProof, ATokenOfTheClusterLeadsToItsAccount) {
  const auto account =
      world_.AddAccount("a", [](auto& added) { added.kubernetes_names = {"shop/orders"}; });
  const auto issued = Issue(Payload());
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->service_id, account.id);
  EXPECT_EQ(world_.ClaimsOf(issued->access_token).amr, std::vector<std::string>{"kubernetes"});
  EXPECT_EQ(Reason(Issue(Payload())), "OK");  // a cluster's token is shown again and again
}

TEST_F(ClusterProof, OfAnotherNamespaceClusterKeyOrAudienceIsRefused) {
  world_.AddAccount("a", [](auto& added) { added.kubernetes_names = {"shop/orders"}; });
  const SigningKey other = *SigningKey::Generate(Algorithm::kRs256);
  EXPECT_EQ(Reason(Issue(Payload(), other)), "BAD_CREDENTIALS");
  json payload = Payload();
  payload["iss"] = "https://other.example.test";
  EXPECT_EQ(Reason(Issue(payload)), "BAD_CREDENTIALS");
  payload = Payload();
  payload["aud"] = {"https://kubernetes.default.svc"};
  EXPECT_EQ(Reason(Issue(payload)), "BAD_CREDENTIALS");
  payload = Payload();
  payload["sub"] = "system:serviceaccount:other:orders";
  payload["kubernetes.io"]["namespace"] = "other";
  EXPECT_EQ(Reason(Issue(payload)), "BAD_CREDENTIALS");
  EXPECT_EQ(world_.log.Count("service_token.refused", "reason", "unknown_account"), 1);
  EXPECT_EQ(Reason(Issue(Payload())), "OK");
}

TEST_F(ClusterProof, WhatTheClusterSaysTwiceMustAgree) {
  world_.AddAccount("a", [](auto& added) { added.kubernetes_names = {"shop/orders"}; });
  const auto refused = [&](const std::function<void(json&)>& change) {
    json payload = Payload();
    change(payload);
    EXPECT_EQ(Reason(Issue(payload)), "BAD_CREDENTIALS") << payload;
  };
  refused([](json& p) { p["sub"] = "system:serviceaccount:shop:other"; });
  refused([](json& p) { p["sub"] = "system:serviceaccount:shop:orders "; });
  refused([](json& p) { p["kubernetes.io"]["serviceaccount"]["name"] = "other"; });
  refused([](json& p) { p["kubernetes.io"].erase("namespace"); });
  refused([](json& p) { p["kubernetes.io"]["serviceaccount"].erase("name"); });
  refused([](json& p) { p["kubernetes.io"] = "shop/orders"; });
  refused([](json& p) { p.erase("kubernetes.io"); });
  refused([](json& p) {
    p["kubernetes.io"]["namespace"] = "shop/orders";
    p["sub"] = "system:serviceaccount:shop/orders:orders";
  });
}

TEST_F(ClusterProof, ATokenThatLivesForAYearOrForEverIsRefused) {
  world_.AddAccount("a", [](auto& added) { added.kubernetes_names = {"shop/orders"}; });
  json payload = Payload();
  const int64_t now = payload["iat"].get<int64_t>();
  payload["exp"] = now + 48 * 3600;
  EXPECT_EQ(Reason(Issue(payload)), "OK");
  payload["exp"] = now + 48 * 3600 + 1;
  EXPECT_EQ(Reason(Issue(payload)), "BAD_CREDENTIALS");
  payload.erase("exp");
  EXPECT_EQ(Reason(Issue(payload)), "BAD_CREDENTIALS");
}

TEST_F(ClusterProof, WithoutKeysItCannotBeJudged) {
  KubernetesTokens empty({kIssuer, "tessera", absl::Seconds(5)}, KeysInHand(JwkSet()));
  const Secret token = ServiceWorld::Jwt(Payload(), KeyOf(Algorithm::kRs256));
  EXPECT_EQ(Reason(empty.NameOf(token.Reveal(), world_.clock.Now())), "KEYS_UNAVAILABLE");
  EXPECT_TRUE(empty.LacksKeyFor(KubernetesCredential{token}));
  EXPECT_FALSE(tokens_.LacksKeyFor(KubernetesCredential{token}));
  EXPECT_FALSE(empty.LacksKeyFor(AssertionCredential{token}));
}

}  // namespace
}  // namespace tessera::server
