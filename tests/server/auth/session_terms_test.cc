// What a login may ask for, what an administrator says of a user, and what of both tokens carry.
#include "server/auth/session_terms.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/auth/named_texts.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

using Words = std::vector<std::string>;

WorldOptions Lists() {
  WorldOptions options;
  options.policy.scopes = {"orders.read", "orders.write"};
  options.policy.requested_claims = {"tenant", "locale"};
  options.policy.attribute_claims = {"department", "grade"};
  return options;
}

absl::StatusOr<IssuedGrant> TryLogin(AuthWorld& world, const SessionTerms& terms) {
  LoginInput input{"ada", Secret::CopyOf(kPassword), "", terms};
  TESSERA_ASSIGN_OR_RETURN(LoginAttempt attempt,
                           world.auth->BeginLogin(world.call, std::move(input)));
  TESSERA_ASSIGN_OR_RETURN(const VerifiedLogin login,
                           world.auth->CheckPassword(world.call, std::move(attempt)));
  return world.auth->OpenSession(world.call, login);
}

SessionTerms Scopes(Words scopes) {
  SessionTerms terms;
  terms.scopes = std::move(scopes);
  return terms;
}
SessionTerms Asks(NamedTexts claims) {
  SessionTerms terms;
  terms.claims = std::move(claims);
  return terms;
}

class SessionTermsTest : public ::testing::Test {
 protected:
  SessionTermsTest() : world_(Lists()), ada_(world_.AddUser("ada")) {}

  IssuedGrant Login(const SessionTerms& terms) { return Require(TryLogin(world_, terms)); }
  std::string Refused(const SessionTerms& terms) {
    const absl::Status status = TryLogin(world_, terms).status();
    return Reason(status) + " " + FieldOf(status);
  }
  IssuedGrant Renewed(const IssuedGrant& grant) {
    return Require(world_.auth->Renew(world_.call, grant.refresh_token));
  }
  void SetAttributes(const NamedTexts& attributes) {
    world_.ChangeUser(ada_.id,
                      [&](storage::User& user) { user.attributes = EncodeNamedTexts(attributes); });
  }
  Claims ClaimsOf(const IssuedGrant& grant) { return world_.ClaimsOf(grant.access_token); }

  AuthWorld world_;
  storage::User ada_;
};

TEST_F(SessionTermsTest, ScopesAskedForAreGrantedAndStay) {
  const IssuedGrant grant = Login(Scopes({"orders.write", "orders.read"}));
  const Words asked = {"orders.write", "orders.read"};
  EXPECT_EQ(grant.scopes, asked);
  EXPECT_EQ(ClaimsOf(grant).scopes, asked);
  const IssuedGrant next = Renewed(grant);
  EXPECT_EQ(next.scopes, asked);
  EXPECT_EQ(ClaimsOf(next).scopes, asked);
  EXPECT_EQ(Renewed(grant).scopes, asked);  // a retry within the grace
}

TEST_F(SessionTermsTest, WhoAsksForNoScopeHasNone) {
  EXPECT_TRUE(Login({}).scopes.empty());
  EXPECT_TRUE(ClaimsOf(Login({})).scopes.empty());
}

TEST_F(SessionTermsTest, AScopeThatIsNotListedIsRefused) {
  EXPECT_EQ(Refused(Scopes({"orders.read", "orders.admin"})), "FIELD_INVALID scopes");
  EXPECT_EQ(Refused(Scopes({""})), "FIELD_INVALID scopes");
  EXPECT_EQ(Refused(Scopes({"orders.read orders.write"})), "FIELD_INVALID scopes");
  EXPECT_EQ(Refused(Scopes({"orders.read", "orders.read"})), "FIELD_INVALID scopes");
}

TEST_F(SessionTermsTest, MoreScopesThanTheLimitAreRefused) {
  TokenPolicy policy;
  SessionTerms terms;
  for (size_t i = 0; i < kMaxScopes; ++i) policy.scopes.push_back("s" + std::to_string(i));
  terms.scopes = policy.scopes;
  EXPECT_TRUE(CheckTerms(terms, policy).ok());
  policy.scopes.push_back("one-more");
  terms.scopes = policy.scopes;
  EXPECT_EQ(FieldOf(CheckTerms(terms, policy)), "scopes");
}

TEST_F(SessionTermsTest, ClaimsAskedForAreCarriedUnderExt) {
  const NamedTexts asked = {{"tenant", "t-17"}, {"locale", ""}};
  const IssuedGrant grant = Login(Asks(asked));
  EXPECT_EQ(ClaimsOf(grant).extra, asked);
  EXPECT_EQ(ClaimsOf(Renewed(grant)).extra, asked);
}

TEST_F(SessionTermsTest, AClaimThatIsNotListedIsRefusedAnAttributeAboveAll) {
  EXPECT_EQ(Refused(Asks({{"tenant", "t"}, {"admin", "true"}})), "FIELD_INVALID claims");
  EXPECT_EQ(Refused(Asks({{"department", "board"}})), "FIELD_INVALID claims");
  EXPECT_EQ(Refused(Asks({{"roles", "tessera.admin"}})), "FIELD_INVALID claims");
  EXPECT_EQ(Refused(Asks({{"tenant", std::string(257, 'x')}})), "FIELD_INVALID claims");
  EXPECT_EQ(Refused(Asks({{"tenant", "\xff"}})), "FIELD_INVALID claims");
}

TEST_F(SessionTermsTest, MoreClaimsThanTheLimitAreRefused) {
  TokenPolicy policy;
  SessionTerms terms;
  for (size_t i = 0; i <= kMaxRequestedClaims; ++i) {
    policy.requested_claims.push_back("c" + std::to_string(i));
    terms.claims[policy.requested_claims.back()] = "v";
  }
  EXPECT_EQ(FieldOf(CheckTerms(terms, policy)), "claims");
  terms.claims.erase("c0");
  EXPECT_TRUE(CheckTerms(terms, policy).ok());
}

TEST_F(SessionTermsTest, AttributesOnTheListAreCarriedAsTheyAreNow) {
  SetAttributes({{"department", "sales"}, {"grade", "7"}, {"salary", "secret"}});
  const IssuedGrant grant = Login(Asks({{"tenant", "t-17"}}));
  EXPECT_EQ(ClaimsOf(grant).extra,
            (NamedTexts{{"department", "sales"}, {"grade", "7"}, {"tenant", "t-17"}}));
  SetAttributes({{"department", "board"}});
  EXPECT_EQ(ClaimsOf(Renewed(grant)).extra,
            (NamedTexts{{"department", "board"}, {"tenant", "t-17"}}));
}

TEST_F(SessionTermsTest, AttributesThatCannotBeReadLetNoTokenOut) {
  world_.ChangeUser(ada_.id, [](storage::User& user) { user.attributes = "{\"a\":"; });
  EXPECT_TRUE(absl::IsInternal(TryLogin(world_, {}).status()));
}

TEST_F(SessionTermsTest, APasswordLoginSaysSo) {
  const IssuedGrant grant = Login({});
  for (const Claims& claims : {ClaimsOf(grant), ClaimsOf(Renewed(grant))}) {
    EXPECT_EQ(claims.amr, Words{"pwd"});
    EXPECT_EQ(claims.acr, "aal1");
  }
}

// The lists of one life of the server, then of another.
TEST(SessionTermsAcrossLives, WhatLeavesTheListsLeavesTheTokens) {
  const auto database = std::make_shared<testing::DatabaseUnderTest>();
  Secret refresh;
  {
    AuthWorld world(database, Lists());
    world.AddUser("ada");
    SessionTerms terms = Scopes({"orders.read", "orders.write"});
    terms.claims = {{"tenant", "t"}, {"locale", "sv"}};
    refresh = Require(TryLogin(world, terms)).refresh_token;
  }
  WorldOptions narrower = Lists();
  narrower.policy.scopes = {"orders.read"};
  narrower.policy.requested_claims = {"tenant"};
  AuthWorld again(database, narrower);
  const IssuedGrant next = Require(again.auth->Renew(again.call, refresh));
  EXPECT_EQ(next.scopes, Words{"orders.read"});
  const Claims claims = again.ClaimsOf(next.access_token);
  EXPECT_EQ(claims.scopes, Words{"orders.read"});
  EXPECT_EQ(claims.extra, (NamedTexts{{"tenant", "t"}}));
}

// A login that was free to set a claim must not keep it when it becomes an administrator's.
TEST(SessionTermsAcrossLives, AClaimThatBecameAnAttributeIsNotTheClientsAnyMore) {
  const auto database = std::make_shared<testing::DatabaseUnderTest>();
  Secret refresh;
  {
    AuthWorld world(database, Lists());
    world.AddUser("ada");
    refresh = Require(TryLogin(world, Asks({{"tenant", "forged"}}))).refresh_token;
  }
  WorldOptions changed = Lists();
  changed.policy.requested_claims = {};
  changed.policy.attribute_claims = {"tenant"};
  AuthWorld again(database, changed);
  const IssuedGrant next = Require(again.auth->Renew(again.call, refresh));
  EXPECT_TRUE(again.ClaimsOf(next.access_token).extra.empty());
}

class TokenSize : public ::testing::Test {
 protected:
  TokenSize() : world_(Wide()), ada_(world_.AddUser("ada")) {}

  static constexpr int kNames = 12;
  static WorldOptions Wide() {
    WorldOptions options;
    for (int i = 0; i < kNames; ++i) {
      options.policy.requested_claims.push_back("c" + std::to_string(i));
      options.policy.attribute_claims.push_back("a" + std::to_string(i));
    }
    return options;
  }
  // About 3 KB in a token, four thirds of its own size.
  static NamedTexts Large(char name) {
    NamedTexts texts;
    for (int i = 0; i < kNames; ++i) texts[name + std::to_string(i)] = std::string(200, 'x');
    return texts;
  }
  void Enlarge() {
    world_.ChangeUser(ada_.id,
                      [&](storage::User& user) { user.attributes = EncodeNamedTexts(Large('a')); });
  }
  size_t Sessions() {
    size_t sessions = 0;
    Require(world_.direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
      TESSERA_ASSIGN_OR_RETURN(const auto live,
                               in.sessions.ListLive(ada_.id, world_.clock.Now(), SessionId(), 10));
      sessions = live.size();
      return absl::OkStatus();
    }));
    return sessions;
  }

  AuthWorld world_;
  storage::User ada_;
};

TEST_F(TokenSize, ALoginWhoseTokenWouldBeTooLargeBeginsNoSession) {
  Enlarge();
  const absl::Status refused = TryLogin(world_, Asks(Large('c'))).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_EQ(Reason(refused), "TOKEN_TOO_LARGE");
  EXPECT_EQ(Sessions(), 0u);
  EXPECT_FALSE(world_.UserRow(ada_.id)->last_login_at.has_value());
}

TEST_F(TokenSize, ARenewalWhoseTokenWouldBeTooLargeLeavesTheSessionAsItWas) {
  const IssuedGrant grant = Require(TryLogin(world_, Asks(Large('c'))));
  const storage::Session before = *world_.SessionRow(grant.session_id);
  world_.clock.Advance(absl::Minutes(1));
  Enlarge();
  EXPECT_EQ(Reason(world_.auth->Renew(world_.call, grant.refresh_token)), "TOKEN_TOO_LARGE");
  const storage::Session after = *world_.SessionRow(grant.session_id);
  EXPECT_EQ(after.generation, before.generation);
  EXPECT_EQ(after.rotated_at, before.rotated_at);
  EXPECT_EQ(after.access_until, before.access_until);
  EXPECT_FALSE(after.revoked_at.has_value());
  // It goes on when the administrator has made room.
  world_.ChangeUser(ada_.id, [](storage::User& user) { user.attributes = ""; });
  EXPECT_TRUE(world_.auth->Renew(world_.call, grant.refresh_token).ok());
}

}  // namespace
}  // namespace tessera::server
