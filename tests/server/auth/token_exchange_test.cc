// Exchanging tokens, with everything real below.
#include "server/auth/token_exchange.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/key_changes.h"
#include "server/auth/revocations.h"
#include "server/auth/sealer.h"
#include "tests/server/auth/service_world.h"

namespace tessera::server {
namespace {

using testing::KeyOf;
using testing::SetOf;

// A user with a token for `orders`, and two services: `orders` may ask for `billing`, and back.
class TokenExchangeTest : public ::testing::Test {
 protected:
  TokenExchangeTest() {
    user_ = world_.AddUser("ann");
    const storage::Role role = world_.GrantNewRole(user_.id, "buyer");
    orders_ = Service("orders", {role});
    billing_ = Service("billing", {role});
  }

  storage::ServiceAccount Service(const std::string& name,
                                  const std::vector<storage::Role>& roles) {
    return world_.AddAccount(
        name,
        [&](storage::ServiceAccount& account) {
          account.served_audiences = {name};
          account.scopes = {"read"};
          account.public_jwks = SetOf(KeyOf(Algorithm::kEs256)).ToJson();
        },
        roles);
  }
  std::shared_ptr<const Claims> TokenOf(const storage::ServiceAccount& account) {
    const Secret assertion = world_.AssertionOf(account.id, "jti-" + std::to_string(++assertions_),
                                                KeyOf(Algorithm::kEs256));
    const auto issued = Require(world_.IssueBy(assertion));
    return std::make_shared<const Claims>(world_.ClaimsOf(issued.access_token));
  }
  IssuedGrant Login(const std::string& audience) {
    LoginInput input{"ann", Secret::CopyOf(kPassword), audience};
    input.terms.scopes = {"read", "write"};
    auto attempt = Require(world_.auth->BeginLogin(world_.call, std::move(input)));
    const auto login = Require(world_.auth->CheckPassword(world_.call, std::move(attempt)));
    return Require(world_.auth->OpenSession(world_.call, login));
  }
  absl::StatusOr<ExchangedToken> Exchange(const storage::ServiceAccount& by, const Secret& subject,
                                          const std::string& audience,
                                          std::vector<std::string> scopes = {}) {
    return world_.exchange.Exchange(world_.call,
                                    {TokenOf(by), subject, audience, std::move(scopes)});
  }
  std::string Signing() { return world_.keys->Current()->signing->kid(); }
  // The next key signs, and the one before it verifies.
  void ReplaceKey(const KeyChanges& changes) {
    const std::string before = Signing();
    Require(changes.Publish(absl::InfiniteFuture()).status());
    ASSERT_TRUE(Require(changes.Advance(false, absl::InfiniteFuture())));
    Require(world_.feed->CatchUp(absl::InfiniteFuture()));
    ASSERT_NE(Signing(), before);
  }
  void EndUser(const std::string& subject, int64_t version) {
    world_.Write([&](storage::Repositories& in) {
      return in.revocations.Append({RevokeUserEntry(UserId(subject), version, world_.clock.Now())});
    });
    Require(world_.feed->CatchUp(absl::InfiniteFuture()));
  }

  ServiceWorld world_;
  storage::User user_;
  storage::ServiceAccount orders_, billing_;
  int assertions_ = 0;
};

TEST_F(TokenExchangeTest, GivesATokenToSendOn) {
  const IssuedGrant grant = Login("orders");
  const auto exchanged = Exchange(orders_, grant.access_token, "billing");
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  const Claims claims = world_.ClaimsOf(exchanged->access_token);
  EXPECT_EQ(claims.subject, user_.id.str());
  EXPECT_EQ(claims.audience, "billing");
  EXPECT_EQ(claims.roles, std::vector<std::string>{"buyer"});
  EXPECT_EQ(claims.scopes, std::vector<std::string>{"read"});
  EXPECT_EQ(claims.actors, (std::vector<Actor>{{orders_.id.str(), orders_.version}}));
  EXPECT_EQ(claims.session_id, grant.session_id);
  EXPECT_LE(claims.expires_at, grant.access_expires_at);
  EXPECT_EQ(world_.log.Count("token.exchanged", "service", orders_.id.str()), 1);
}

TEST_F(TokenExchangeTest, AnExchangedTokenIsExchangedAgainAndNamesBothServices) {
  const Secret first =
      Require(Exchange(orders_, Login("orders").access_token, "billing")).access_token;
  const auto second = Exchange(billing_, first, "orders");
  ASSERT_TRUE(second.ok()) << second.status();
  const Claims claims = world_.ClaimsOf(second->access_token);
  EXPECT_EQ(claims.actors, (std::vector<Actor>{{billing_.id.str(), billing_.version},
                                               {orders_.id.str(), orders_.version}}));
  EXPECT_EQ(claims.parent_tokens.size(), 2u);
}

TEST_F(TokenExchangeTest, TheFifthExchangeIsRefused) {
  Secret token = Login("orders").access_token;
  for (size_t i = 0; i < kMaxActors; ++i) {
    const bool even = i % 2 == 0;
    token = Require(Exchange(even ? orders_ : billing_, token, even ? "billing" : "orders"))
                .access_token;
  }
  const auto fifth = Exchange(orders_, token, "billing");
  EXPECT_EQ(Reason(fifth), "TOO_MANY");
  EXPECT_EQ(fifth.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TokenExchangeTest, ATokenThatWasSentToSomebodyElseIsRefused) {
  const auto refused = Exchange(orders_, Login("billing").access_token, "billing");
  EXPECT_EQ(Reason(refused), "NOT_ALLOWED");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Reason(Exchange(orders_, Login("tessera").access_token, "billing")), "NOT_ALLOWED");
  EXPECT_EQ(world_.log.Count("token_exchange.refused", "reason", "NOT_ALLOWED"), 2);
}

// Not UNAUTHENTICATED: the caller would think that its own token is refused, and drop it.
TEST_F(TokenExchangeTest, ASubjectTokenThatIsNotGoodIsAnInvalidArgument) {
  const IssuedGrant grant = Login("orders");
  const auto with = [&](const Secret& token) {
    const auto result = Exchange(orders_, token, "billing");
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return Reason(result);
  };
  EXPECT_EQ(with(Secret("x")), "TOKEN_MALFORMED");
  EXPECT_EQ(with(grant.refresh_token), "TOKEN_MALFORMED");
  std::string forged(grant.access_token.Reveal());
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(with(Secret(forged)), "TOKEN_SIGNATURE");
  world_.clock.Advance(absl::Minutes(15) + absl::Seconds(5));
  EXPECT_EQ(with(grant.access_token), "TOKEN_EXPIRED");
}

TEST_F(TokenExchangeTest, NothingIsLeftToGiveWithinTheLeewayBehindTheEnd) {
  const IssuedGrant grant = Login("orders");
  world_.clock.Advance(absl::Minutes(15));
  EXPECT_EQ(world_.WhyInactive(grant.access_token), "active");
  EXPECT_EQ(Reason(Exchange(orders_, grant.access_token, "billing")), "TOKEN_EXPIRED");
}

TEST_F(TokenExchangeTest, ARevokedParentIsRefused) {
  const IssuedGrant grant = Login("orders");
  Require(world_.auth->Revoke(world_.call, grant.access_token));
  EXPECT_EQ(Reason(Exchange(orders_, grant.access_token, "billing")), "TOKEN_REVOKED");
}

TEST_F(TokenExchangeTest, WhatWasExchangedDiesWithItsParentAndGrandparent) {
  const IssuedGrant grant = Login("orders");
  const Secret child = Require(Exchange(orders_, grant.access_token, "billing")).access_token;
  const Secret grandchild = Require(Exchange(billing_, child, "orders")).access_token;
  EXPECT_EQ(world_.WhyInactive(child), "active");
  Require(world_.auth->Revoke(world_.call, grant.access_token));
  EXPECT_EQ(world_.WhyInactive(child), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(grandchild), "TOKEN_REVOKED");
  EXPECT_EQ(Reason(Exchange(billing_, child, "orders")), "TOKEN_REVOKED");
}

// The attack: a key was stolen, and is retiring. What a service makes of a token that the thief
// forged is signed by the next key; calling the stolen one back ends it all the same.
TEST_F(TokenExchangeTest, WhatWasExchangedDiesWithTheKeyOfItsParentAndGrandparent) {
  KeyPolicy policy;
  policy.publish_ahead = policy.acknowledge_timeout = absl::ZeroDuration();
  const KeyChanges changes(policy, Require(Sealer::Create(MasterKeysOf("one master key"))),
                           {*world_.store, world_.clock, world_.log});
  const std::string stolen = Signing();
  const Secret forged = Login("orders").access_token;
  ASSERT_NO_FATAL_FAILURE(ReplaceKey(changes));
  const Secret child = Require(Exchange(orders_, forged, "billing")).access_token;
  const Secret grandchild = Require(Exchange(billing_, child, "orders")).access_token;
  const Secret other =
      Require(Exchange(orders_, Login("orders").access_token, "billing")).access_token;
  ASSERT_EQ(world_.WhyInactive(child), "active");
  ASSERT_EQ(world_.WhyInactive(grandchild), "active");

  Require(changes.Revoke(stolen, absl::InfiniteFuture()).status());
  Require(world_.feed->CatchUp(absl::InfiniteFuture()));
  EXPECT_EQ(world_.WhyInactive(child), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(grandchild), "TOKEN_REVOKED");
  EXPECT_EQ(Reason(Exchange(billing_, child, "orders")), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(other), "active");
}

TEST_F(TokenExchangeTest, WhatWasExchangedDiesWithTheSessionTheUserAndTheActor) {
  const IssuedGrant grant = Login("orders");
  const Secret by_session = Require(Exchange(orders_, grant.access_token, "billing")).access_token;
  const Secret by_actor =
      Require(Exchange(orders_, Login("orders").access_token, "billing")).access_token;
  Require(world_.auth->Logout(world_.call, grant.refresh_token));
  EXPECT_EQ(world_.WhyInactive(by_session), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(by_actor), "active");
  EndUser(orders_.id.str(), orders_.version + 1);
  EXPECT_EQ(world_.WhyInactive(by_actor), "TOKEN_REVOKED");
  const Secret by_user =
      Require(Exchange(billing_, Login("billing").access_token, "orders")).access_token;
  EndUser(user_.id.str(), user_.version + 1);
  EXPECT_EQ(world_.WhyInactive(by_user), "TOKEN_REVOKED");
}

// Revoking what was exchanged leaves the user's own token alone.
TEST_F(TokenExchangeTest, AParentOutlivesItsChild) {
  const IssuedGrant grant = Login("orders");
  const Secret child = Require(Exchange(orders_, grant.access_token, "billing")).access_token;
  Require(world_.auth->Revoke(world_.call, child));
  EXPECT_EQ(world_.WhyInactive(child), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(grant.access_token), "active");
}

TEST_F(TokenExchangeTest, ADisabledOrChangedAccountExchangesNothingThoughItsTokenLives) {
  const Secret subject = Login("orders").access_token;
  const auto caller = TokenOf(orders_);
  const auto exchange = [&] {
    return world_.exchange.Exchange(world_.call, {caller, subject, "billing", {}});
  };
  ASSERT_EQ(Reason(exchange()), "OK");
  world_.ChangeAccount(
      orders_.id, [](auto& account) { account.state = storage::ServiceAccountState::kDisabled; });
  EXPECT_EQ(Reason(exchange()), "TOKEN_REVOKED");
  EXPECT_EQ(exchange().status().code(), absl::StatusCode::kUnauthenticated);
  world_.ChangeAccount(orders_.id, [](auto& account) {
    account.state = storage::ServiceAccountState::kActive;
    ++account.version;
  });
  EXPECT_EQ(Reason(exchange()), "TOKEN_REVOKED");
}

TEST_F(TokenExchangeTest, RolesThatTheAccountHasLostAreNotPassedOn) {
  const Secret subject = Login("orders").access_token;
  const auto caller = TokenOf(orders_);
  world_.Write([&](storage::Repositories& in) { return in.services.SetRoles(orders_.id, {}); });
  const auto exchanged =
      Require(world_.exchange.Exchange(world_.call, {caller, subject, "billing", {}}));
  EXPECT_TRUE(world_.ClaimsOf(exchanged.access_token).roles.empty());
}

TEST_F(TokenExchangeTest, UsersAndServicesThatActForSomebodyMayNot) {
  const Secret subject = Login("orders").access_token;
  auto user = std::make_shared<const Claims>(world_.ClaimsOf(Login("tessera").access_token));
  const auto by = [&](std::shared_ptr<const Claims> caller) {
    return Reason(
        world_.exchange.Exchange(world_.call, {std::move(caller), subject, "billing", {}}));
  };
  EXPECT_EQ(by(user), "CALLER_KIND");
  auto acting = std::make_shared<Claims>(*TokenOf(orders_));
  acting->actors = {{billing_.id.str(), 1}};
  EXPECT_EQ(by(acting), "CALLER_KIND");
}

TEST_F(TokenExchangeTest, AnExchangedTokenRenewsNothing) {
  const IssuedGrant grant = Login("orders");
  const auto exchanged = Require(Exchange(orders_, grant.access_token, "billing"));
  EXPECT_EQ(world_.ClaimsOf(exchanged.access_token).refresh_generation, 0);
}

TEST_F(TokenExchangeTest, NothingOfATokenIsLogged) {
  const IssuedGrant grant = Login("orders");
  const auto exchanged = Require(Exchange(orders_, grant.access_token, "billing"));
  EXPECT_FALSE(world_.log.Mentions(std::string(grant.access_token.Reveal())));
  EXPECT_FALSE(world_.log.Mentions(std::string(exchanged.access_token.Reveal())));
}

// Another replica has signed with it, before this one has heard of it.
TEST_F(TokenExchangeTest, AKeyThatCameUpAMomentAgoIsLookedFor) {
  WatchedStore behind(*world_.direct, world_.clock);
  const auto keys = Require(KeyRing::Open(behind, MasterKeysOf("one master key"), Algorithm::kEs256,
                                          world_.clock, world_.log));
  const auto feed = Require(RevocationFeed::Open(behind, *keys, {}, world_.clock, world_.log));
  const TokenExchange exchange(world_.policy,
                               {*world_.store, *keys, *feed, world_.clock, world_.log});
  behind.set_away(true);
  const std::string old_kid = world_.keys->Current()->signing->kid();
  const KeyChanges changes(KeyPolicy(), Require(Sealer::Create(MasterKeysOf("one master key"))),
                           {*world_.direct, world_.clock, world_.log});
  Require(changes.Revoke(old_kid, absl::InfiniteFuture()).status());
  Require(world_.feed->CatchUp(absl::InfiniteFuture()));
  ASSERT_NE(world_.keys->Current()->signing->kid(), old_kid);
  const Secret subject = Login("orders").access_token;
  const auto caller = TokenOf(orders_);
  const auto with = [&] {
    return Reason(exchange.Exchange(world_.call, {caller, subject, "billing", {}}));
  };
  EXPECT_EQ(with(), "KEYS_UNAVAILABLE");
  behind.set_away(false);
  EXPECT_EQ(with(), "OK");
}

TEST_F(TokenExchangeTest, TheStoreAwayIsUnavailable) {
  const Secret subject = Login("orders").access_token;
  const auto caller = TokenOf(orders_);
  world_.store->set_away(true);
  EXPECT_EQ(Reason(world_.exchange.Exchange(world_.call, {caller, subject, "billing", {}})),
            "STORAGE_UNAVAILABLE");
}

}  // namespace
}  // namespace tessera::server
