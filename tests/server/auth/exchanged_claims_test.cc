// What an exchanged token says: never more than either party had.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/auth/token_exchange.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

using Texts = std::vector<std::string>;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

storage::Role RoleOf(std::string name, Texts audiences = {}) {
  storage::Role role;
  role.id = RoleId("rol_" + name);
  role.name = std::move(name);
  role.audiences = std::move(audiences);
  return role;
}

// A user's token for `orders`, that the service `svc_orders` would like to exchange for `billing`.
struct Case {
  Case() {
    policy.issuer = "https://auth.example.test";
    policy.audiences = {"orders", "billing"};
    policy.scopes = {"read", "write"};
    subject.issuer = policy.issuer;
    subject.subject = "usr_1";
    subject.audience = "orders";
    subject.client_id = "tessera";
    subject.token_id = TokenId("tok_parent");
    subject.issued_at = subject.not_before = kNow - absl::Minutes(5);
    subject.expires_at = kNow + absl::Minutes(10);
    subject.auth_time = kNow - absl::Hours(2);
    subject.session_id = SessionId("ses_1");
    subject.user_version = 3;
    subject.refresh_generation = 7;
    subject.roles = {"buyer", "seller"};
    subject.scopes = {"read", "write"};
    subject.amr = {"pwd"};
    subject.acr = "1";
    subject.groups = {"writers"};
    subject.extra = {{"tenant", "t1"}};
    caller.subject = "svc_orders";
    caller.audience = "tessera";
    account.id = ServiceId("svc_orders");
    account.version = 2;
    account.audiences = {"tessera", "billing"};
    account.served_audiences = {"orders"};
    account.scopes = {"read", "write"};
    account.roles = {RoleOf("buyer"), RoleOf("seller")};
    account.certificate_names = {"orders.test"};
  }

  absl::StatusOr<Claims> Exchange() const {
    return ExchangedClaims({subject, caller, account, certificate, subject_key}, wish, policy,
                           kNow);
  }
  std::string Verdict() const {
    const absl::StatusOr<Claims> claims = Exchange();
    return claims.ok() ? "OK" : ReasonOf(claims.status());
  }

  TokenPolicy policy;
  Claims subject, caller;
  storage::ServiceAccount account;
  std::optional<ClientCertificate> certificate;
  std::string subject_key;
  ExchangeWish wish{"billing", {}};
};

std::string VerdictWith(const std::function<void(Case&)>& change) {
  Case one;
  change(one);
  return one.Verdict();
}
Claims ClaimsWith(const std::function<void(Case&)>& change) {
  Case one;
  change(one);
  absl::StatusOr<Claims> claims = one.Exchange();
  EXPECT_TRUE(claims.ok()) << claims.status();
  return claims.ok() ? *std::move(claims) : Claims();
}
const auto kNothing = [](Case&) {};

TEST(ExchangedClaims, SpeakOfTheSameSubjectAndSession) {
  const Claims claims = ClaimsWith(kNothing);
  EXPECT_EQ(claims.subject, "usr_1");
  EXPECT_EQ(claims.audience, "billing");
  EXPECT_EQ(claims.client_id, "svc_orders");
  EXPECT_EQ(claims.session_id, SessionId("ses_1"));
  EXPECT_EQ(claims.user_version, 3);
  EXPECT_EQ(claims.auth_time, kNow - absl::Hours(2));
  EXPECT_EQ(claims.amr, Texts{"pwd"});
  EXPECT_EQ(claims.acr, "1");
  EXPECT_EQ(claims.groups, Texts{"writers"});
  EXPECT_EQ(claims.extra.at("tenant"), "t1");
  EXPECT_EQ(claims.issuer, "https://auth.example.test");
}

TEST(ExchangedClaims, NameWhoActsAndWhatTheyCameFrom) {
  const Claims claims = ClaimsWith([](Case& one) {
    one.subject.actors = {{"svc_web", 9}};
    one.subject.parent_tokens = {TokenId("tok_grandparent")};
  });
  EXPECT_EQ(claims.actors, (std::vector<Actor>{{"svc_orders", 2}, {"svc_web", 9}}));
  EXPECT_EQ(claims.parent_tokens,
            (std::vector<TokenId>{TokenId("tok_parent"), TokenId("tok_grandparent")}));
}

// What names the key of a forged token ends with that key, however often it was exchanged.
TEST(ExchangedClaims, NameAnotherKeyOfTheirParentOnce) {
  const auto parents = [](const std::vector<TokenId>& older) {
    return ClaimsWith([&](Case& one) {
             one.subject.parent_tokens = older;
             one.subject_key = "key-1";
           })
        .parent_tokens;
  };
  EXPECT_EQ(parents({TokenId("tok_1")}),
            (std::vector<TokenId>{TokenId("tok_parent"), TokenId("key-1"), TokenId("tok_1")}));
  EXPECT_EQ(parents({TokenId("tok_1"), TokenId("key-1")}),
            (std::vector<TokenId>{TokenId("tok_parent"), TokenId("tok_1"), TokenId("key-1")}));
  EXPECT_EQ(VerdictWith([](Case& one) {
              one.subject.parent_tokens.assign(3, TokenId("tok_1"));
              one.subject_key = "key-1";
            }),
            "TOO_MANY");
}

TEST(ExchangedClaims, AChainHasFourActorsAtMost) {
  const auto chain = [](size_t length) {
    return [length](Case& one) {
      for (size_t i = 0; i < length; ++i) {
        one.subject.actors.push_back({"svc_" + std::to_string(i), 1});
        one.subject.parent_tokens.push_back(TokenId("tok_" + std::to_string(i)));
      }
    };
  };
  EXPECT_EQ(ClaimsWith(chain(3)).actors.size(), kMaxActors);
  EXPECT_EQ(VerdictWith(chain(4)), "TOO_MANY");
}

// A session is renewed with a token of its current generation; one that was sent on is none.
TEST(ExchangedClaims, RenewNoSession) { EXPECT_EQ(ClaimsWith(kNothing).refresh_generation, 0); }

TEST(ExchangedClaims, EndWithTheirParentAtTheLatest) {
  EXPECT_EQ(ClaimsWith(kNothing).expires_at, kNow + absl::Minutes(10));
  const auto longer = [](Case& one) { one.subject.expires_at = kNow + absl::Hours(5); };
  EXPECT_EQ(ClaimsWith(longer).expires_at, kNow + absl::Minutes(15));
  EXPECT_EQ(VerdictWith([](Case& one) { one.subject.expires_at = kNow; }), "TOKEN_EXPIRED");
  EXPECT_EQ(VerdictWith([](Case& one) { one.subject.expires_at = kNow + absl::Seconds(1); }), "OK");
}

TEST(ExchangedClaims, RolesAreThoseOfBoth) {
  EXPECT_EQ(ClaimsWith(kNothing).roles, (Texts{"buyer", "seller"}));
  EXPECT_EQ(ClaimsWith([](Case& one) { one.account.roles = {RoleOf("seller")}; }).roles,
            Texts{"seller"});
  EXPECT_EQ(ClaimsWith([](Case& one) {
              one.account.roles = {RoleOf("admin"), RoleOf("seller")};
              one.subject.roles = {"buyer"};
            }).roles,
            Texts{});
  EXPECT_EQ(ClaimsWith([](Case& one) { one.account.roles.clear(); }).roles, Texts{});
}

TEST(ExchangedClaims, ARoleOfOneAudienceIsNotCarriedToAnother) {
  EXPECT_EQ(ClaimsWith([](Case& one) {
              one.account.roles = {RoleOf("buyer", {"orders"}), RoleOf("seller", {"billing"})};
            }).roles,
            Texts{"seller"});
}

TEST(ExchangedClaims, TesserasOwnRolesNeverTravel) {
  EXPECT_EQ(ClaimsWith([](Case& one) {
              one.subject.roles = {"tessera.admin"};
              one.account.roles = {RoleOf("tessera.admin")};
            }).roles,
            Texts{});
}

TEST(ExchangedClaims, ScopesAreThoseOfBothAndAskedForOnesMustBeAmongThem) {
  EXPECT_EQ(ClaimsWith(kNothing).scopes, (Texts{"read", "write"}));
  EXPECT_EQ(ClaimsWith([](Case& one) { one.account.scopes = {"write"}; }).scopes, Texts{"write"});
  EXPECT_EQ(ClaimsWith([](Case& one) { one.wish.scopes = {"read"}; }).scopes, Texts{"read"});
  EXPECT_EQ(VerdictWith([](Case& one) { one.wish.scopes = {"read", "refund"}; }), "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) {
              one.wish.scopes = {"write"};
              one.subject.scopes = {"read"};
            }),
            "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) {
              one.wish.scopes = {"write"};
              one.account.scopes = {"read"};
            }),
            "NOT_ALLOWED");
  EXPECT_EQ(ClaimsWith([](Case& one) { one.policy.scopes = {"read"}; }).scopes, Texts{"read"});
}

// The confused deputy: a token that was meant for somebody else.
TEST(ExchangeAttack, ATokenForAnotherAudienceIsRefused) {
  EXPECT_EQ(VerdictWith([](Case& one) { one.subject.audience = "billing"; }), "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) { one.account.served_audiences.clear(); }), "NOT_ALLOWED");
}

// Otherwise whoever gets hold of an administrator's token for tessera could carry it elsewhere.
TEST(ExchangeAttack, ATokenForTesseraItselfIsRefusedWhateverTheAccountSays) {
  EXPECT_EQ(VerdictWith([](Case& one) {
              one.subject.audience = "tessera";
              one.account.served_audiences = {"tessera"};
            }),
            "NOT_ALLOWED");
}

TEST(ExchangeAttack, TesseraItselfIsNoTarget) {
  EXPECT_EQ(VerdictWith([](Case& one) { one.wish.audience = "tessera"; }), "NOT_ALLOWED");
}

TEST(ExchangeAttack, OnlyAudiencesThatTheAccountMayAskForAndTheServerStillLists) {
  EXPECT_EQ(VerdictWith([](Case& one) { one.wish.audience = "orders"; }), "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) { one.policy.audiences = {"orders"}; }), "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) { one.wish.audience = ""; }), "NOT_ALLOWED");
}

TEST(ExchangeAttack, AnAccountDoesNotExchangeItsOwnToken) {
  EXPECT_EQ(VerdictWith([](Case& one) { one.subject.subject = "svc_orders"; }), "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) { one.subject.subject = "svc_web"; }), "OK");
}

TEST(ExchangeBinding, ADeviceIsDroppedForItsRulesRefuseTheNewToken) {
  EXPECT_EQ(ClaimsWith([](Case& one) { one.subject.device_hash = "d"; }).device_hash, "");
}

TEST(ExchangeBinding, ATokenBoundToACertificateBecomesOneBoundToTheCallers) {
  const auto bound = [](Case& one) { one.subject.certificate = "users"; };
  EXPECT_EQ(VerdictWith(bound), "NOT_ALLOWED");
  EXPECT_EQ(ClaimsWith([&](Case& one) {
              bound(one);
              one.certificate = ClientCertificate{"callers", {"x.test", "orders.test"}};
            }).certificate,
            "callers");
}

// A proxy's certificate, or a thief's who has the caller's token and a certificate of his own.
TEST(ExchangeBinding, ACertificateThatIsNotTheCallersBindsNothing) {
  EXPECT_EQ(VerdictWith([](Case& one) {
              one.subject.certificate = "users";
              one.certificate = ClientCertificate{"thiefs", {"thief.test"}};
            }),
            "NOT_ALLOWED");
  EXPECT_EQ(VerdictWith([](Case& one) {
              one.caller.certificate = "callers";
              one.certificate = ClientCertificate{"thiefs", {"orders.test"}};
            }),
            "NOT_ALLOWED");
}

TEST(ExchangeBinding, ACallerWhoseOwnTokenIsBoundGetsABoundOne) {
  EXPECT_EQ(ClaimsWith([](Case& one) {
              one.caller.certificate = "callers";
              one.certificate = ClientCertificate{"callers", {}};
            }).certificate,
            "callers");
}

TEST(ExchangeBinding, WhatIsNotBoundStaysSo) {
  EXPECT_EQ(ClaimsWith([](Case& one) {
              one.certificate = ClientCertificate{"callers", {"orders.test"}};
            }).certificate,
            "");
}

}  // namespace
}  // namespace tessera::server
