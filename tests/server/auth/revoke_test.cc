#include <gtest/gtest.h>

#include <string>

#include "server/auth/revocations.h"
#include "tessera/token/token_signer.h"
#include "tessera/token/token_verifier.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

class RevokeTest : public ::testing::Test {
 protected:
  RevokeTest() : ada_(world_.AddUser("ada")), grant_(world_.Login("ada")) {}

  std::string Revoke(const Secret& token) {
    return Reason(world_.auth->Revoke(world_.call, token));
  }
  std::string Logout(const Secret& token) {
    return Reason(world_.auth->Logout(world_.call, token));
  }
  std::string Renew(const Secret& token) { return Reason(world_.auth->Renew(world_.call, token)); }

  AuthWorld world_;
  storage::User ada_;
  IssuedGrant grant_;
};

TEST_F(RevokeTest, AnAccessTokenIsRevokedAtOnceAndItsSessionGoesOn) {
  EXPECT_EQ(Revoke(grant_.access_token), "OK");
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
  const auto next = world_.auth->Renew(world_.call, grant_.refresh_token);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(world_.WhyInactive(next->access_token), "active");
  EXPECT_EQ(world_.log.Count("token.revoked"), 1);
}

TEST_F(RevokeTest, TheEntryOfATokenOutlivesEveryLeeway) {
  Revoke(grant_.access_token);
  ASSERT_EQ(world_.Feed().size(), 1u);
  EXPECT_EQ(world_.Feed()[0].kind, storage::RevocationKind::kToken);
  EXPECT_EQ(world_.Feed()[0].expires_at,
            grant_.access_expires_at + absl::Seconds(60) + absl::Seconds(120));
}

TEST_F(RevokeTest, RevokingAgainWritesNothing) {
  Revoke(grant_.access_token);
  const int writes = world_.store->writes();
  EXPECT_EQ(Revoke(grant_.access_token), "OK");
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_EQ(world_.Feed().size(), 1u);
}

TEST_F(RevokeTest, ATokenForAnotherServiceIsRevokedToo) {
  const IssuedGrant orders = world_.Login("ada", "orders");
  EXPECT_EQ(Revoke(orders.access_token), "OK");
  EXPECT_EQ(world_.WhyInactive(orders.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "active");
}

TEST_F(RevokeTest, ATokenThatNoGuardTakesAnyMoreIsOkAndWritesNothing) {
  world_.clock.SetWall(grant_.access_expires_at + kMaxLeeway);
  const int calls = world_.store->calls();
  EXPECT_EQ(Revoke(grant_.access_token), "OK");
  EXPECT_EQ(world_.store->calls(), calls);
}

TEST_F(RevokeTest, ATokenStillAliveByTheLargestLeewayOfAGuardIsRevoked) {
  world_.clock.SetWall(grant_.access_expires_at + kMaxLeeway - absl::Nanoseconds(1));
  ASSERT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_EXPIRED");  // by our own leeway
  EXPECT_EQ(Revoke(grant_.access_token), "OK");
  EXPECT_EQ(world_.Feed().size(), 1u);
}

TEST_F(RevokeTest, ATokenWhoseLifeHasNotBegunNeverComesToLife) {
  const absl::Time then = world_.clock.Now();
  world_.clock.SetWall(then - absl::Hours(1));
  ASSERT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_NOT_YET_VALID");
  EXPECT_EQ(Revoke(grant_.access_token), "OK");
  world_.clock.SetWall(then);
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
}

TEST_F(RevokeTest, WhatIsNoneOfOursIsOkAndWritesNothing) {
  const SigningKey stranger = Require(SigningKey::Generate(Algorithm::kEs256));
  const Secret forged = Require(SignAccessToken(world_.ClaimsOf(grant_.access_token), stranger));
  std::string refresh(grant_.refresh_token.Reveal());
  refresh[40] = refresh[40] == 'A' ? 'B' : 'A';
  const int calls = world_.store->calls();
  for (const Secret& token : {forged, Secret(refresh), Secret(), Secret("nonsense"),
                              Secret("tsr_nonsense"), Secret(std::string(100000, 'x'))}) {
    EXPECT_EQ(Revoke(token), "OK");
  }
  EXPECT_EQ(world_.store->calls(), calls);
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "active");
}

TEST_F(RevokeTest, WhatIsRevocableIsKnownWithoutTheStore) {
  std::string refresh(grant_.refresh_token.Reveal());
  refresh[40] = refresh[40] == 'A' ? 'B' : 'A';
  const SigningKey stranger = Require(SigningKey::Generate(Algorithm::kEs256));
  const Secret forged = Require(SignAccessToken(world_.ClaimsOf(grant_.access_token), stranger));
  const int calls = world_.store->calls();
  EXPECT_TRUE(world_.auth->IsRevocable(grant_.access_token));
  EXPECT_TRUE(world_.auth->IsRevocable(grant_.refresh_token));
  EXPECT_FALSE(world_.auth->IsRevocable(forged));
  EXPECT_FALSE(world_.auth->IsRevocable(Secret(refresh)));
  EXPECT_FALSE(world_.auth->IsRevocable(Secret()));
  EXPECT_EQ(world_.store->calls(), calls);
}

TEST_F(RevokeTest, ARefreshTokenIsCheckedWithoutTheStore) {
  std::string refresh(grant_.refresh_token.Reveal());
  refresh[40] = refresh[40] == 'A' ? 'B' : 'A';
  const int calls = world_.store->calls();
  const auto check = [&](const Secret& token) {
    return world_.auth->CheckRefreshToken(world_.call, token);
  };
  EXPECT_EQ(Require(check(grant_.refresh_token)), grant_.refresh_token);
  EXPECT_EQ(Reason(check(Secret(refresh))), "TOKEN_SIGNATURE");
  EXPECT_EQ(Reason(check(grant_.access_token)), "TOKEN_MALFORMED");
  EXPECT_EQ(world_.store->calls(), calls);
  EXPECT_EQ(world_.log.Count("refresh_token.refused"), 2);
  EXPECT_FALSE(world_.log.Mentions(refresh));
}

TEST_F(RevokeTest, ARefreshTokenEndsItsSession) {
  EXPECT_EQ(Revoke(grant_.refresh_token), "OK");
  EXPECT_EQ(Renew(grant_.refresh_token), "SESSION_ENDED");
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
  ASSERT_EQ(world_.Feed().size(), 1u);
  EXPECT_EQ(world_.Feed()[0].kind, storage::RevocationKind::kSession);
  EXPECT_EQ(world_.Feed()[0].expires_at, grant_.access_expires_at + absl::Seconds(120));
  EXPECT_EQ(world_.log.Count("session.ended", "cause", "revoked"), 1);
}

TEST_F(RevokeTest, AReplacedRefreshTokenEndsItsSessionToo) {
  ASSERT_EQ(Renew(grant_.refresh_token), "OK");
  world_.clock.Advance(absl::Hours(1));
  EXPECT_EQ(Revoke(grant_.refresh_token), "OK");
  EXPECT_TRUE(world_.SessionRow(grant_.session_id)->revoked_at.has_value());
}

TEST_F(RevokeTest, OtherSessionsOfTheUserGoOn) {
  const IssuedGrant other = world_.Login("ada");
  Revoke(grant_.refresh_token);
  EXPECT_EQ(world_.WhyInactive(other.access_token), "active");
  EXPECT_EQ(Renew(other.refresh_token), "OK");
}

TEST_F(RevokeTest, LogoutEndsTheSession) {
  EXPECT_EQ(Logout(grant_.refresh_token), "OK");
  EXPECT_EQ(Renew(grant_.refresh_token), "SESSION_ENDED");
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(world_.log.Count("session.ended", "cause", "logout"), 1);
}

TEST_F(RevokeTest, LoggingOutTwiceIsOkAndAddsOneEntry) {
  EXPECT_EQ(Logout(grant_.refresh_token), "OK");
  EXPECT_EQ(Logout(grant_.refresh_token), "OK");
  EXPECT_EQ(world_.Feed().size(), 1u);
}

TEST_F(RevokeTest, LogoutOfASessionWhoseUserIsGoneIsOk) {
  world_.Write([&](storage::Repositories& in) { return in.users.Delete(ada_.id).status(); });
  EXPECT_EQ(Logout(grant_.refresh_token), "OK");
}

TEST_F(RevokeTest, LogoutTakesNoForgedTokenAndNoAccessToken) {
  std::string forged(grant_.refresh_token.Reveal());
  forged[40] = forged[40] == 'A' ? 'B' : 'A';
  EXPECT_EQ(Logout(Secret(forged)), "TOKEN_SIGNATURE");
  EXPECT_EQ(Logout(grant_.access_token), "TOKEN_MALFORMED");
  EXPECT_EQ(Renew(grant_.refresh_token), "OK");
}

TEST_F(RevokeTest, AnAnswerLostAtCommitEndsTheSessionOnce) {
  world_.store->LoseNextAnswer();
  EXPECT_EQ(Logout(grant_.refresh_token), "OK");
  EXPECT_EQ(world_.Feed().size(), 1u);
  EXPECT_EQ(world_.log.Count("session.ended", "cause", "logout"), 1);
}

TEST_F(RevokeTest, WithTheDatabaseAwayNothingIsPromised) {
  world_.store->set_away(true);
  EXPECT_EQ(Revoke(grant_.access_token), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(Revoke(grant_.refresh_token), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(Logout(grant_.refresh_token), "STORAGE_UNAVAILABLE");
}

TEST_F(RevokeTest, WhatTheViewDoesNotHoldIsNotAcknowledged) {
  world_.feed_store->set_away(true);
  EXPECT_EQ(Revoke(grant_.access_token), "OUTCOME_UNKNOWN");
  world_.feed_store->set_away(false);
  EXPECT_EQ(Revoke(grant_.access_token), "OK");
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
}

TEST(Revoke, ARevocationSurvivesARestart) {
  const auto database = std::make_shared<testing::DatabaseUnderTest>();
  Secret access;
  {
    AuthWorld world(database, {});
    world.AddUser("ada");
    access = world.Login("ada").access_token;
    ASSERT_TRUE(world.auth->Revoke(world.call, access).ok());
  }
  AuthWorld again(database, {});
  EXPECT_EQ(again.WhyInactive(access), "TOKEN_REVOKED");
}

TEST(Revocations, UserAndKeyEntriesLiveADayAndSlack) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const storage::Revocation user = RevokeUserEntry(UserId("usr_x"), 3, now);
  EXPECT_EQ(user.kind, storage::RevocationKind::kUser);
  EXPECT_EQ(user.min_user_version, 3);
  EXPECT_EQ(user.id_hash.size(), 16u);
  EXPECT_EQ(user.expires_at, now + absl::Hours(24) + absl::Seconds(120) + absl::Minutes(10));
  EXPECT_EQ(RevokeKeyEntry("k1", now).expires_at, user.expires_at);
  EXPECT_EQ(RevokeKeyEntry("k1", now).kind, storage::RevocationKind::kKey);
}

}  // namespace
}  // namespace tessera::server
