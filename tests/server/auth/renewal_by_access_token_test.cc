// `tokens.renewal_by_access_token`: another access token for one that is alive.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tessera/base/reason.h"
#include "tests/server/auth/renewal_rule.h"

namespace tessera::server {
namespace {

class ByAccessToken : public RenewalRule {
 protected:
  ByAccessToken() : RenewalRule(With(&TokenPolicy::renewal_by_access_token)) {}

  absl::StatusOr<IssuedGrant> RenewBy(const Secret& access) {
    return Renew(RenewalInput{Secret(), access});
  }
};

TEST_F(ByAccessToken, IsOffByDefault) {
  AuthWorld plain;
  plain.AddUser("ada");
  const RenewalInput alone{Secret(), plain.Login("ada").access_token};
  for (const absl::Status& refused : {plain.auth->CheckRenewal(plain.call, alone).status(),
                                      plain.auth->Renew(plain.call, alone).status()}) {
    EXPECT_TRUE(absl::IsInvalidArgument(refused));
    EXPECT_EQ(FieldOf(refused), "refresh_token");
  }
}

TEST_F(ByAccessToken, GivesAnotherAccessTokenAndNothingElse) {
  world_.clock.Advance(absl::Minutes(10));
  const IssuedGrant again = Require(RenewBy(first_.access_token));
  EXPECT_TRUE(again.refresh_token.empty());
  EXPECT_EQ(again.session_id, first_.session_id);
  const Claims before = world_.ClaimsOf(first_.access_token);
  const Claims claims = world_.ClaimsOf(again.access_token);
  EXPECT_NE(claims.token_id, before.token_id);
  EXPECT_EQ(claims.expires_at, world_.clock.Now() + absl::Minutes(15));
  EXPECT_EQ(claims.auth_time, before.auth_time);
  EXPECT_EQ(claims.refresh_generation, 1);
  EXPECT_EQ(Row().generation, 1);
  EXPECT_EQ(Row().access_until, claims.expires_at);
  EXPECT_TRUE(world_.Feed().empty());
  EXPECT_TRUE(Renew(first_.refresh_token).ok());  // still good
}

TEST_F(ByAccessToken, KeepsTheSessionFromEndingIdle) {
  Secret token = first_.access_token;
  const absl::Time idle_end = Row().idle_expires_at;
  while (world_.clock.Now() < idle_end) {
    world_.clock.Advance(absl::Minutes(14));
    token = Require(RenewBy(token)).access_token;
  }
  EXPECT_EQ(Row().idle_expires_at, world_.clock.Now() + absl::Hours(24 * 7));
}

TEST_F(ByAccessToken, MovesWhenTheSessionWasLastUsedAndNotWhenItsGenerationBegan) {
  const absl::Time began = Row().rotated_at;
  world_.clock.Advance(absl::Minutes(10));
  Require(RenewBy(first_.access_token));
  EXPECT_EQ(Row().last_used_at, world_.clock.Now());
  EXPECT_EQ(Row().rotated_at, began) << "the grace counts from there";
}

TEST_F(ByAccessToken, AnExpiredTokenRenewsNothing) {
  world_.clock.SetWall(first_.access_expires_at + absl::Seconds(5) - absl::Microseconds(1));
  EXPECT_TRUE(RenewBy(first_.access_token).ok());  // within the leeway
  world_.clock.SetWall(first_.access_expires_at + absl::Seconds(5));
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "TOKEN_EXPIRED");
}

TEST_F(ByAccessToken, ARevokedTokenRenewsNothing) {
  ASSERT_TRUE(world_.auth->Revoke(world_.call, first_.access_token).ok());
  const int writes = world_.store->writes();
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "TOKEN_REVOKED");
  EXPECT_EQ(world_.store->writes(), writes);
}

TEST_F(ByAccessToken, ATokenThatAnotherReplicaHasJustRevokedDoesNotComeBackAsAnother) {
  RevokeElsewhere(first_.access_token);
  EXPECT_EQ(Reason(world_.auth->Renew(world_.call, RenewalInput{Secret(), first_.access_token})),
            "TOKEN_REVOKED");
}

TEST_F(ByAccessToken, TheTokenOfAnEndedSessionRenewsNothing) {
  ASSERT_TRUE(world_.auth->Logout(world_.call, first_.refresh_token).ok());
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "TOKEN_REVOKED");
}

TEST_F(ByAccessToken, AnEndBetweenReadingAndWritingWins) {
  world_.store->BeforeNextWrite([&] {
    world_.Write([&](storage::Repositories& in) {
      return in.sessions.RevokeAllOf(ada_.id, world_.clock.Now()).status();
    });
  });
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "SESSION_ENDED");
}

TEST_F(ByAccessToken, ARenewalBetweenReadingAndWritingWins) {
  world_.store->BeforeNextWrite([&] { Require(Renew(first_.refresh_token)); });
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "ACCESS_TOKEN_REQUIRED");
  EXPECT_EQ(Row().generation, 2);
}

TEST_F(ByAccessToken, ATokenOfAnOlderGenerationRenewsNothingAndEndsNothing) {
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "ACCESS_TOKEN_REQUIRED");
  EXPECT_FALSE(HasEnded());
  EXPECT_TRUE(RenewBy(second.access_token).ok());
}

TEST_F(ByAccessToken, ATokenAheadOfTheRowEndsTheSession) {
  const Secret ahead = Resigned([](Claims& claims) { claims.refresh_generation = 5; });
  EXPECT_EQ(Reason(RenewBy(ahead)), "SESSION_ENDED");
  EXPECT_TRUE(HasEnded());
  EXPECT_EQ(world_.log.Count("renewal.store_went_back", "count", "1"), 1);
}

TEST_F(ByAccessToken, AnExchangedAndAServicesTokenRenewNothing) {
  const Secret exchanged = Resigned([](Claims& claims) {
    claims.actors = {{"svc_x", 1}};
    claims.parent_tokens = {TokenId("tok_parent")};
  });
  const Secret acting = Resigned([](Claims& claims) { claims.actors = {{"svc_x", 1}}; });
  const Secret service = Resigned([](Claims& claims) {
    claims.subject = "svc_x";
    claims.session_id = SessionId();
    claims.refresh_generation = 0;
  });
  for (const Secret& token : {exchanged, acting, service}) {
    EXPECT_EQ(Reason(RenewBy(token)), "TOKEN_TYPE");
  }
  EXPECT_EQ(Reason(RenewBy(first_.refresh_token)), "TOKEN_MALFORMED");
}

TEST_F(ByAccessToken, OneWhoseKeyIsNotKnownAsksForNewerKeysAndOthersDoNot) {
  const SigningKey stranger = Require(SigningKey::Generate(Algorithm::kEs256));
  const Secret token = Require(SignAccessToken(world_.ClaimsOf(first_.access_token), stranger));
  const AuthFacade& auth = *world_.auth;
  EXPECT_TRUE(auth.NamesUnknownKey(RenewalInput{Secret(), token}));
  EXPECT_FALSE(auth.NamesUnknownKey(RenewalInput{Secret(), first_.access_token}));
  EXPECT_FALSE(auth.NamesUnknownKey(RenewalInput{Secret(), Secret("x")}));
  EXPECT_FALSE(auth.NamesUnknownKey(RenewalInput{first_.refresh_token, token}));
  EXPECT_EQ(Reason(RenewBy(token)), "TOKEN_UNKNOWN_KEY");
}

TEST_F(ByAccessToken, ADisabledUserRenewsNothing) {
  world_.Disable(ada_.id);
  EXPECT_EQ(Reason(RenewBy(first_.access_token)), "SESSION_ENDED");
}

TEST_F(ByAccessToken, SixteenAtOnceEachGetOneAndNoneIsLost) {
  std::vector<absl::StatusOr<IssuedGrant>> results(16, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = RenewBy(first_.access_token); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(world_.WhyInactive(result->access_token), "active");
  }
  EXPECT_EQ(Row().generation, 1);
}

TEST(RenewalByAccessToken, EndsWithTheSessionCountedFromTheLogin) {
  WorldOptions options = With(&TokenPolicy::renewal_by_access_token);
  options.policy.refresh_ttl = absl::Hours(1);
  AuthWorld world(options);
  world.AddUser("ada");
  const IssuedGrant first = world.Login("ada");
  const absl::Time end = world.SessionRow(first.session_id)->expires_at;
  Secret token = first.access_token;
  absl::Time until = first.access_expires_at;
  while (until < end) {
    world.clock.Advance(absl::Minutes(10));
    const IssuedGrant next = Require(world.auth->Renew(world.call, RenewalInput{Secret(), token}));
    EXPECT_LE(next.access_expires_at, end);
    token = next.access_token;
    until = next.access_expires_at;
  }
  world.clock.SetWall(end);  // the leeway does not carry it over the end
  EXPECT_EQ(Reason(world.auth->Renew(world.call, RenewalInput{Secret(), token})), "SESSION_ENDED");
}

}  // namespace
}  // namespace tessera::server
