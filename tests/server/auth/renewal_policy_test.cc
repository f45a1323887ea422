// The rules of `tokens.renewal_...`, and what an attacker would try against them.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tessera/base/reason.h"
#include "tests/server/auth/renewal_rule.h"

namespace tessera::server {
namespace {

class NeedsAccessToken : public RenewalRule {
 protected:
  NeedsAccessToken() : RenewalRule(With(&TokenPolicy::renewal_needs_access_token)) {}

  // `access` with the current refresh token is a theft: the session ends, for both holders.
  void ExpectTheft(const Secret& access) {
    EXPECT_EQ(Reason(Renew(first_.refresh_token, access)), "REFRESH_REUSED");
    EXPECT_TRUE(HasEnded());
    EXPECT_EQ(world_.log.Count("renewal.foreign_access_token"), 1);
    EXPECT_EQ(Reason(Renew(first_)), "SESSION_ENDED");
    EXPECT_EQ(world_.WhyInactive(first_.access_token), "TOKEN_REVOKED");
  }
};

TEST_F(NeedsAccessToken, ThePairThatWasGivenOutRenews) {
  const IssuedGrant second = Require(Renew(first_));
  EXPECT_EQ(world_.ClaimsOf(second.access_token).refresh_generation, 2);
  EXPECT_TRUE(Renew(second).ok());
}

TEST_F(NeedsAccessToken, AnAccessTokenThatExpiredLongAgoStillShowsWhoHoldsThePair) {
  world_.clock.Advance(absl::Hours(24 * 6));
  ASSERT_EQ(world_.WhyInactive(first_.access_token), "TOKEN_EXPIRED");
  EXPECT_TRUE(Renew(first_).ok());
}

TEST_F(NeedsAccessToken, SoDoesOneThatWasRevoked) {
  ASSERT_TRUE(world_.auth->Revoke(world_.call, first_.access_token).ok());
  ASSERT_EQ(world_.WhyInactive(first_.access_token), "TOKEN_REVOKED");
  EXPECT_TRUE(Renew(first_).ok());
}

// The attack: a thief who has the refresh token alone, and tries it.
TEST_F(NeedsAccessToken, ARefreshTokenWithoutAnyIsTheft) {
  ExpectTheft(Secret());
  EXPECT_EQ(Row().generation, 1);
}

// Only who holds a live token can end a session by it.
TEST_F(NeedsAccessToken, AForgedRefreshTokenWithoutAnyEndsNothing) {
  std::string forged(first_.refresh_token.Reveal());
  forged[10] = forged[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(Reason(Renew(Secret(forged))), "TOKEN_SIGNATURE");
  EXPECT_FALSE(HasEnded());
}

TEST_F(NeedsAccessToken, TheAccessTokenOfAnotherSessionIsTheft) {
  const IssuedGrant other = world_.Login("ada");
  ExpectTheft(other.access_token);
  EXPECT_TRUE(Renew(other).ok());  // which is not touched
}

TEST_F(NeedsAccessToken, TheAccessTokenOfAnotherUserIsTheft) {
  world_.AddUser("bob");
  ExpectTheft(world_.Login("bob").access_token);
}

TEST_F(NeedsAccessToken, TheAccessTokenOfAnOlderGenerationIsTheft) {
  const Secret old = first_.access_token;
  first_ = Require(Renew(first_));
  ExpectTheft(old);
}

TEST_F(NeedsAccessToken, ARefreshTokenWithTheAccessTokenOfItsSuccessorIsTheft) {
  const IssuedGrant second = Require(Renew(first_));
  EXPECT_EQ(Reason(Renew(first_.refresh_token, second.access_token)), "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
}

TEST_F(NeedsAccessToken, AForgedAccessTokenIsTheft) {
  std::string forged(first_.access_token.Reveal());
  char& digit = forged[forged.size() - 10];
  digit = digit == 'A' ? 'B' : 'A';
  ExpectTheft(Secret(forged));
}

TEST_F(NeedsAccessToken, WhatIsNoTokenAtAllIsTheft) { ExpectTheft(Secret("x")); }

TEST_F(NeedsAccessToken, ARefreshTokenInItsPlaceIsTheft) { ExpectTheft(first_.refresh_token); }

TEST_F(NeedsAccessToken, WhatAServiceExchangedFromItIsTheft) {
  ExpectTheft(Resigned([](Claims& claims) {
    claims.actors = {{"svc_x", 1}};
    claims.parent_tokens = {claims.token_id};
    claims.token_id = TokenId("tok_other");
  }));
}

TEST_F(NeedsAccessToken, ATokenOfAnotherIssuerIsTheft) {
  ExpectTheft(Resigned([](Claims& claims) { claims.issuer = "https://evil.test"; }));
}

TEST_F(NeedsAccessToken, OneWhoseKeyIsNotKnownIsRefusedAndEndsNothing) {
  const SigningKey stranger = Require(SigningKey::Generate(Algorithm::kEs256));
  const Secret token = Require(SignAccessToken(world_.ClaimsOf(first_.access_token), stranger));
  EXPECT_EQ(Reason(Renew(first_.refresh_token, token)), "ACCESS_TOKEN_REQUIRED");
  EXPECT_FALSE(HasEnded());
  EXPECT_EQ(Row().generation, 1);
}

TEST_F(NeedsAccessToken, ARetryWithinTheGraceBringsThePairItBroughtBefore) {
  const IssuedGrant second = Require(Renew(first_));
  world_.clock.Advance(absl::Seconds(30));
  EXPECT_EQ(Require(Renew(first_)).refresh_token, second.refresh_token);
  EXPECT_FALSE(HasEnded());
}

TEST_F(NeedsAccessToken, ARetryWithinTheGraceWithoutAnyIsTheft) {
  Require(Renew(first_));
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
}

TEST_F(NeedsAccessToken, ARetryWithinTheGraceWithAnotherAccessTokenIsTheft) {
  Require(Renew(first_));
  EXPECT_EQ(Reason(Renew(first_.refresh_token, world_.Login("ada").access_token)),
            "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
}

TEST_F(NeedsAccessToken, OfTwoAtOnceTheLoserGetsTheWinnersSuccessor) {
  Secret winner;
  world_.store->BeforeNextWrite([&] { winner = Require(Renew(first_)).refresh_token; });
  EXPECT_EQ(Require(Renew(first_)).refresh_token, winner);
  EXPECT_EQ(Row().generation, 2);
}

TEST_F(NeedsAccessToken, AThiefWhoRacesWithTheRefreshTokenAloneGainsNothingAndIsNoticed) {
  std::vector<absl::StatusOr<IssuedGrant>> thieves(8, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  for (auto& thief : thieves) {
    threads.emplace_back([&] { thief = Renew(first_.refresh_token); });
  }
  const absl::StatusOr<IssuedGrant> owner = Renew(first_);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(owner.ok() || Reason(owner) == "SESSION_ENDED") << owner.status();
  for (const auto& thief : thieves) {
    EXPECT_TRUE(Reason(thief) == "REFRESH_REUSED" || Reason(thief) == "SESSION_ENDED")
        << thief.status();
  }
  EXPECT_TRUE(HasEnded());
  EXPECT_GE(world_.log.Count("renewal.foreign_access_token"), 1);
}

class OnlyAfterExpiry : public RenewalRule {
 protected:
  OnlyAfterExpiry() : RenewalRule(With(&TokenPolicy::renewal_only_after_expiry)) {}
};

TEST_F(OnlyAfterExpiry, ALiveAccessTokenIsWaitedFor) {
  world_.clock.SetWall(first_.access_expires_at - absl::Minutes(5));
  const absl::Status refused = Renew(first_.refresh_token).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_EQ(Reason(refused), "ACCESS_TOKEN_NOT_EXPIRED");
  EXPECT_EQ(RetryDelayOf(refused), absl::Minutes(5));
  EXPECT_EQ(Row().generation, 1);
}

TEST_F(OnlyAfterExpiry, FromTheInstantOfExpiryItRenews) {
  world_.clock.SetWall(first_.access_expires_at - absl::Microseconds(1));
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "ACCESS_TOKEN_NOT_EXPIRED");
  world_.clock.SetWall(first_.access_expires_at);
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  EXPECT_EQ(Reason(Renew(second.refresh_token)), "ACCESS_TOKEN_NOT_EXPIRED");
}

TEST_F(OnlyAfterExpiry, ARetryWithinTheGracePassesAndItsTokenIsWaitedForToo) {
  world_.clock.SetWall(first_.access_expires_at);
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Seconds(10));
  const IssuedGrant again = Require(Renew(first_.refresh_token));
  EXPECT_EQ(again.refresh_token, second.refresh_token);
  world_.clock.SetWall(second.access_expires_at);
  EXPECT_EQ(Reason(Renew(second.refresh_token)), "ACCESS_TOKEN_NOT_EXPIRED");
  world_.clock.SetWall(again.access_expires_at);
  EXPECT_TRUE(Renew(second.refresh_token).ok());
}

TEST_F(OnlyAfterExpiry, OfTwoAtOnceTheLoserGetsTheWinnersSuccessor) {
  world_.clock.SetWall(first_.access_expires_at);
  Secret winner;
  world_.store->BeforeNextWrite(
      [&] { winner = Require(Renew(first_.refresh_token)).refresh_token; });
  EXPECT_EQ(Require(Renew(first_.refresh_token)).refresh_token, winner);
  EXPECT_EQ(Row().generation, 2);
}

TEST_F(OnlyAfterExpiry, ReuseIsReuseHoweverAliveTheAccessTokenIs) {
  world_.clock.SetWall(first_.access_expires_at);
  Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "REFRESH_REUSED");
}

TEST(RenewalReset, SessionsEndAtTheDailyHourAndTheirTokensWithThem) {
  WorldOptions options;
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  options.policy.refresh_reset.emplace(4, 0, berlin);
  AuthWorld world(options);
  world.AddUser("ada");
  const IssuedGrant first = world.Login("ada");
  const absl::Time end = DailyReset(4, 0, berlin).NextAfter(world.clock.Now());
  EXPECT_EQ(world.SessionRow(first.session_id)->expires_at, end);
  EXPECT_EQ(first.refresh_expires_at, end);

  world.clock.SetWall(end - absl::Minutes(5));
  const IssuedGrant last = Require(world.auth->Renew(world.call, first.refresh_token));
  EXPECT_EQ(last.access_expires_at, end);
  EXPECT_EQ(last.refresh_expires_at, end);
  world.clock.SetWall(end);
  EXPECT_EQ(Reason(world.auth->Renew(world.call, last.refresh_token)), "SESSION_ENDED");
  const IssuedGrant next = world.Login("ada");
  EXPECT_EQ(world.SessionRow(next.session_id)->expires_at, DailyReset(4, 0, berlin).NextAfter(end));
}

TEST(RenewalReset, AShorterLifeStillEndsFirst) {
  WorldOptions options;
  options.policy.refresh_reset.emplace(4, 0, absl::UTCTimeZone());
  options.policy.refresh_ttl = absl::Minutes(20);
  AuthWorld world(options);
  world.AddUser("ada");
  world.clock.SetWall(absl::FromCivil(absl::CivilHour(2030, 1, 1, 12), absl::UTCTimeZone()));
  const IssuedGrant first = world.Login("ada");
  EXPECT_EQ(world.SessionRow(first.session_id)->expires_at, world.clock.Now() + absl::Minutes(20));
}

}  // namespace
}  // namespace tessera::server
