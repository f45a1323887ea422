#include "server/auth/renewal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/refresh_token.h"
#include "server/auth/revocations.h"
#include "server/auth/sealer.h"
#include "server/auth/stored_key_ring.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

class RenewalTest : public ::testing::Test {
 protected:
  explicit RenewalTest(absl::Duration grace = TokenPolicy().reuse_grace)
      : world_(WithGrace(grace)), ada_(world_.AddUser("ada")), first_(world_.Login("ada")) {}
  static WorldOptions WithGrace(absl::Duration grace) {
    WorldOptions options;
    options.policy.reuse_grace = grace;
    return options;
  }

  absl::StatusOr<IssuedGrant> Renew(const Secret& token) {
    return world_.auth->Renew(world_.call, token);
  }
  Secret TokenOf(int64_t generation) {
    const auto keys = world_.keys->Current();
    return Require(MintRefreshToken({first_.session_id, generation}, keys->mac_kid, *keys));
  }
  storage::Session Row() { return *world_.SessionRow(first_.session_id); }

  AuthWorld world_;
  storage::User ada_;
  IssuedGrant first_;
};

TEST_F(RenewalTest, TheCurrentTokenBeginsTheNextGeneration) {
  world_.clock.Advance(absl::Minutes(10));
  const IssuedGrant second = Require(Renew(first_.refresh_token));

  EXPECT_EQ(second.session_id, first_.session_id);
  EXPECT_FALSE(second.refresh_token == first_.refresh_token);
  EXPECT_EQ(second.refresh_token, TokenOf(2));
  const Claims claims = world_.ClaimsOf(second.access_token);
  EXPECT_EQ(claims.refresh_generation, 2);
  EXPECT_EQ(claims.expires_at, world_.clock.Now() + absl::Minutes(15));
  EXPECT_EQ(claims.auth_time, world_.clock.Now() - absl::Minutes(10));
  EXPECT_EQ(Row().generation, 2);
  EXPECT_EQ(Row().rotated_at, world_.clock.Now());
  EXPECT_EQ(Row().access_until, claims.expires_at);
  EXPECT_EQ(world_.log.Count("session.renewed"), 1);
}

TEST_F(RenewalTest, RenewingAddsNoRow) {
  Secret token = first_.refresh_token;
  for (int i = 0; i < 20; ++i) token = Require(Renew(token)).refresh_token;
  EXPECT_EQ(Row().generation, 21);
  EXPECT_TRUE(world_.Feed().empty());
}

TEST_F(RenewalTest, TheRolesAreThoseOfNow) {
  world_.GrantNewRole(ada_.id, "reader");
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  EXPECT_EQ(world_.ClaimsOf(second.access_token).roles, std::vector<std::string>{"reader"});
}

TEST_F(RenewalTest, TheAudienceStays) {
  const IssuedGrant orders = world_.Login("ada", "orders");
  EXPECT_EQ(world_.ClaimsOf(Require(Renew(orders.refresh_token)).access_token).audience, "orders");
}

TEST_F(RenewalTest, ARetryWithinTheGraceGetsTheSameSuccessorAndAnAccessTokenOfItsOwn) {
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Seconds(10));
  const IssuedGrant again = Require(Renew(first_.refresh_token));
  EXPECT_EQ(again.refresh_token, second.refresh_token);
  EXPECT_FALSE(again.access_token == second.access_token);
  EXPECT_EQ(again.refresh_expires_at, second.refresh_expires_at);
  EXPECT_EQ(Row().generation, 2);
  EXPECT_EQ(world_.log.Count("renewal.grace_replay"), 1);
  EXPECT_EQ(world_.WhyInactive(again.access_token), "active");
}

TEST_F(RenewalTest, TheAccessTokenOfARetryIsCoveredByTheSessionsRow) {
  Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Seconds(30));
  const IssuedGrant again = Require(Renew(first_.refresh_token));
  EXPECT_EQ(Row().access_until, again.access_expires_at);
}

TEST_F(RenewalTest, AtExactlyTheGraceARetryIsStillServed) {
  Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Seconds(30));
  EXPECT_TRUE(Renew(first_.refresh_token).ok());
}

TEST_F(RenewalTest, AMicrosecondBeyondTheGraceIsReuse) {
  Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Seconds(30) + absl::Microseconds(1));
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "REFRESH_REUSED");
}

TEST_F(RenewalTest, AClockThatWentBackCountsAsNoTime) {
  world_.clock.Advance(absl::Hours(2));
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  world_.clock.SetWall(world_.clock.Now() - absl::Hours(1));
  EXPECT_EQ(Require(Renew(first_.refresh_token)).refresh_token, second.refresh_token);
}

TEST_F(RenewalTest, AccessUntilNeverGoesBack) {
  world_.clock.Advance(absl::Hours(2));
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  world_.clock.SetWall(world_.clock.Now() - absl::Hours(1));
  Require(Renew(second.refresh_token));
  EXPECT_EQ(Row().access_until, second.access_expires_at);
}

TEST_F(RenewalTest, TwoGenerationsBackIsReuseEvenWithinTheGrace) {
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  Require(Renew(second.refresh_token));
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "REFRESH_REUSED");
}

TEST_F(RenewalTest, ReuseEndsTheSessionForBothHolders) {
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  world_.clock.Advance(absl::Minutes(1));
  const absl::Status reused = Renew(first_.refresh_token).status();
  EXPECT_TRUE(absl::IsUnauthenticated(reused));
  EXPECT_EQ(Reason(reused), "REFRESH_REUSED");

  EXPECT_EQ(Reason(Renew(second.refresh_token)), "SESSION_ENDED");
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "SESSION_ENDED");
  EXPECT_EQ(world_.WhyInactive(first_.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(second.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(world_.log.Count("renewal.reuse"), 1);
  ASSERT_EQ(world_.Feed().size(), 1u);
  EXPECT_EQ(world_.Feed()[0].kind, storage::RevocationKind::kSession);
  EXPECT_EQ(world_.Feed()[0].expires_at, Row().access_until + kRevocationSlack);
}

TEST(Renewal, ASessionForAnAudienceThatIsNoLongerAllowListedIsOver) {
  const auto database = std::make_shared<testing::DatabaseUnderTest>();
  Secret current, replaced, own;
  {
    AuthWorld world(database, {});
    world.AddUser("ada");
    replaced = world.Login("ada", "orders").refresh_token;
    current = Require(world.auth->Renew(world.call, replaced)).refresh_token;
    own = world.Login("ada").refresh_token;
  }
  WorldOptions narrower;
  narrower.policy.audiences = {"billing"};
  AuthWorld again(database, narrower);
  EXPECT_EQ(Reason(again.auth->Renew(again.call, current)), "SESSION_ENDED");
  EXPECT_EQ(Reason(again.auth->Renew(again.call, replaced)), "SESSION_ENDED");  // within the grace
  EXPECT_TRUE(again.auth->Renew(again.call, own).ok());
  again.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(Reason(again.auth->Renew(again.call, replaced)), "REFRESH_REUSED");
}

TEST(Renewal, TheTransactionThatEndsAReusedSessionIsCommitted) {
  const auto database = std::make_shared<testing::DatabaseUnderTest>();
  SessionId session;
  Secret second;
  {
    AuthWorld world(database, {});
    world.AddUser("ada");
    const IssuedGrant first = world.Login("ada");
    session = first.session_id;
    second = Require(world.auth->Renew(world.call, first.refresh_token)).refresh_token;
    world.clock.Advance(absl::Minutes(1));
    ASSERT_EQ(Reason(world.auth->Renew(world.call, first.refresh_token)), "REFRESH_REUSED");
  }
  AuthWorld again(database, {});
  ASSERT_TRUE(again.SessionRow(session).has_value());
  EXPECT_TRUE(again.SessionRow(session)->revoked_at.has_value());
  EXPECT_EQ(again.Feed().size(), 1u);
  EXPECT_EQ(Reason(again.auth->Renew(again.call, second)), "SESSION_ENDED");
}

TEST_F(RenewalTest, SixtyFourAtOnceMakeOneStepAndNoError) {
  constexpr int kThreads = 64;
  std::vector<absl::StatusOr<IssuedGrant>> results(kThreads, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (auto& result : results) {
    threads.emplace_back([&] { result = Renew(first_.refresh_token); });
  }
  for (std::thread& thread : threads) thread.join();

  std::set<std::string> refresh;
  std::set<std::string> access;
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    refresh.emplace(result->refresh_token.Reveal());
    access.emplace(result->access_token.Reveal());
    EXPECT_EQ(world_.WhyInactive(result->access_token), "active");
  }
  EXPECT_EQ(refresh.size(), 1u);
  EXPECT_EQ(access.size(), static_cast<size_t>(kThreads));
  EXPECT_EQ(Row().generation, 2);
  EXPECT_EQ(world_.log.Count("session.renewed"), 1);
  EXPECT_EQ(world_.log.Count("renewal.grace_replay"), kThreads - 1);
}

TEST_F(RenewalTest, OneThatLosesTheSwapGetsTheWinnersSuccessor) {
  Secret winner;
  world_.store->BeforeNextWrite(
      [&] { winner = Require(Renew(first_.refresh_token)).refresh_token; });
  const IssuedGrant loser = Require(Renew(first_.refresh_token));
  EXPECT_EQ(loser.refresh_token, winner);
  EXPECT_EQ(Row().generation, 2);
}

TEST_F(RenewalTest, AnAnswerLostAtCommitIsNoReuse) {
  world_.store->LoseNextAnswer();
  const auto second = Renew(first_.refresh_token);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->refresh_token, TokenOf(2));
  EXPECT_EQ(Row().generation, 2);
}

class RenewalWithoutGrace : public RenewalTest {
 protected:
  RenewalWithoutGrace() : RenewalTest(absl::ZeroDuration()) {}
};

// A failover takes longer than a short grace: what was run again must know its own step.
TEST_F(RenewalWithoutGrace, AnAnswerLostAtCommitIsNoReuseHoweverLateItIsRunAgain) {
  world_.store->LoseNextAnswer();
  world_.store->BeforeNextWrite([&] { world_.clock.Advance(absl::Minutes(1)); });
  const auto second = Renew(first_.refresh_token);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(Row().generation, 2);
  EXPECT_EQ(world_.log.Count("session.renewed"), 1);
  EXPECT_EQ(world_.log.Count("renewal.reuse"), 0);
  world_.clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(Renew(second->refresh_token).ok());
}

// Nor does it take another's step for its own.
TEST_F(RenewalWithoutGrace, AStepThatSomebodyElseTookIsReuseAlsoWhenItIsRunAgain) {
  world_.store->LoseNextAnswer();
  world_.store->BeforeNextWrite([&] {
    world_.clock.Advance(absl::Minutes(1));
    world_.Write([&](storage::Repositories& in) -> absl::Status {
      TESSERA_ASSIGN_OR_RETURN(const auto row, in.sessions.Find(first_.session_id));
      return in.sessions
          .Rotate({row->id, row->generation, row->mac_kid, world_.clock.Now(), row->access_until,
                   row->idle_expires_at, "198.51.100.9"})
          .status();
    });
    world_.clock.Advance(absl::Minutes(1));
  });
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "REFRESH_REUSED");
  EXPECT_TRUE(Row().revoked_at.has_value());
}

// The life of an access token is what the configuration says, in its claims and in the answers.
TEST(AccessTtl, IsTheLifeOfEachAccessTokenThatALoginOrARenewalGives) {
  for (const absl::Duration ttl : {absl::Seconds(60), absl::Minutes(60)}) {
    WorldOptions options;
    options.policy.access_ttl = ttl;
    options.policy.renewal_by_access_token = true;
    AuthWorld world(options);
    world.AddUser("ada");
    const auto check = [&](const IssuedGrant& grant) {
      const Claims claims = world.ClaimsOf(grant.access_token);
      EXPECT_EQ(claims.expires_at - claims.issued_at, ttl);
      EXPECT_EQ(grant.access_expires_at, claims.expires_at);
      EXPECT_EQ(world.SessionRow(grant.session_id)->access_until, claims.expires_at);
    };
    const IssuedGrant first = world.Login("ada");
    check(first);
    world.clock.Advance(absl::Seconds(10));
    const IssuedGrant second = Require(world.auth->Renew(world.call, first.refresh_token));
    check(second);
    world.clock.Advance(absl::Seconds(10));
    check(Require(world.auth->Renew(world.call, RenewalInput{Secret(), second.access_token})));

    const Secret last = world.Login("ada").access_token;
    world.clock.Advance(ttl + options.policy.leeway - absl::Seconds(1));
    EXPECT_EQ(world.WhyInactive(last), "active");
    world.clock.Advance(absl::Seconds(1));
    EXPECT_EQ(world.WhyInactive(last), "TOKEN_EXPIRED");
  }
}

TEST_F(RenewalTest, ADisableBetweenReadingAndWritingWins) {
  world_.store->BeforeNextWrite([&] {
    world_.Disable(ada_.id);
    world_.Write([&](storage::Repositories& in) {
      return in.sessions.RevokeAllOf(ada_.id, world_.clock.Now()).status();
    });
  });
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "SESSION_ENDED");
  EXPECT_EQ(Row().generation, 1);
}

TEST_F(RenewalTest, ADisableBetweenReadingAndWritingWinsOverARetryToo) {
  Require(Renew(first_.refresh_token));
  world_.store->BeforeNextWrite([&] {
    world_.Write([&](storage::Repositories& in) {
      return in.sessions.RevokeAllOf(ada_.id, world_.clock.Now()).status();
    });
  });
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "SESSION_ENDED");
}

TEST_F(RenewalTest, ATokenAheadOfTheRowEndsTheSessionAndIsNotCalledReuse) {
  EXPECT_EQ(Reason(Renew(TokenOf(5))), "SESSION_ENDED");
  EXPECT_TRUE(Row().revoked_at.has_value());
  EXPECT_EQ(world_.log.Count("renewal.store_went_back", "count", "1"), 1);
  EXPECT_EQ(world_.log.Count("renewal.reuse"), 0);
  EXPECT_EQ(world_.WhyInactive(first_.access_token), "TOKEN_REVOKED");
}

TEST_F(RenewalTest, ATokenThatOnlySeemedAheadIsRenewed) {
  // The reading was old; where writes are made, the row has come up to the token.
  world_.store->BeforeNextWrite([&] { Require(Renew(first_.refresh_token)); });
  const auto third = Renew(TokenOf(2));
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(Row().generation, 3);
  EXPECT_FALSE(Row().revoked_at.has_value());
}

TEST_F(RenewalTest, AForgedTokenReadsNoStore) {
  std::string forged(first_.refresh_token.Reveal());
  forged[10] = forged[10] == 'A' ? 'B' : 'A';
  const int calls = world_.store->calls();
  EXPECT_EQ(Reason(Renew(Secret(forged))), "TOKEN_SIGNATURE");
  EXPECT_EQ(Reason(Renew(Secret("tsr_short"))), "TOKEN_MALFORMED");
  EXPECT_EQ(Reason(Renew(Secret())), "FIELD_INVALID");
  EXPECT_EQ(Reason(Renew(first_.access_token)), "TOKEN_MALFORMED");
  EXPECT_EQ(world_.store->calls(), calls);
  EXPECT_TRUE(Renew(first_.refresh_token).ok());
}

TEST_F(RenewalTest, ATokenOfAnotherStoreEpochIsRefused) {
  KeySnapshot other = *world_.keys->Current();
  other.store_epoch = NewStoreEpoch();
  const Secret foreign = Require(MintRefreshToken({first_.session_id, 1}, other.mac_kid, other));
  EXPECT_EQ(Reason(Renew(foreign)), "TOKEN_SIGNATURE");
}

TEST_F(RenewalTest, TheIdleEndMovesWithEachRenewal) {
  world_.clock.Advance(absl::Hours(24 * 5));
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  EXPECT_EQ(second.refresh_expires_at, world_.clock.Now() + absl::Hours(24 * 7));
  world_.clock.Advance(absl::Hours(24 * 5));
  EXPECT_TRUE(Renew(second.refresh_token).ok());
}

TEST_F(RenewalTest, AnIdleSessionEndsExactlyAtItsIdleEnd) {
  world_.clock.SetWall(Row().idle_expires_at);
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "SESSION_ENDED");
  world_.clock.SetWall(Row().idle_expires_at - absl::Microseconds(1));
  EXPECT_TRUE(Renew(first_.refresh_token).ok());
}

TEST_F(RenewalTest, TheIdleEndNeverMovesBeyondTheAbsoluteOne) {
  const absl::Time end = Row().expires_at;
  Secret token = first_.refresh_token;
  IssuedGrant last;
  while (world_.clock.Now() + absl::Hours(24 * 5) < end) {
    world_.clock.Advance(absl::Hours(24 * 5));
    last = Require(Renew(token));
    token = last.refresh_token;
    EXPECT_LE(last.refresh_expires_at, end);
  }
  EXPECT_EQ(last.refresh_expires_at, end);
  world_.clock.SetWall(end - absl::Seconds(1));
  const IssuedGrant final = Require(Renew(token));
  EXPECT_EQ(final.access_expires_at, end);
  world_.clock.SetWall(end);
  EXPECT_EQ(Reason(Renew(final.refresh_token)), "SESSION_ENDED");
}

TEST_F(RenewalTest, ADisabledChangedOrDeletedUserDoesNotRenew) {
  world_.ChangeUser(ada_.id, [](storage::User& user) { ++user.version; });
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "SESSION_ENDED");
  const IssuedGrant next = world_.Login("ada");
  world_.Disable(ada_.id);
  EXPECT_EQ(Reason(Renew(next.refresh_token)), "SESSION_ENDED");
  world_.Write([&](storage::Repositories& in) { return in.users.Delete(ada_.id).status(); });
  EXPECT_EQ(Reason(Renew(next.refresh_token)), "SESSION_ENDED");
}

TEST_F(RenewalTest, WithTheDatabaseAwayItSaysSoAndTheTokenStaysGood) {
  world_.store->set_away(true);
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "STORAGE_UNAVAILABLE");
  world_.store->set_away(false);
  EXPECT_TRUE(Renew(first_.refresh_token).ok());
}

TEST_F(RenewalTest, ARetryAcrossAKeyRotationDerivesTheSameSuccessor) {
  const IssuedGrant second = Require(Renew(first_.refresh_token));
  const Sealer sealer = Require(Sealer::Create(MasterKeysOf("one master key")));
  const std::string old_kid = world_.keys->Current()->mac_kid;
  world_.clock.Advance(absl::Seconds(1));
  const storage::StoredKey fresh =
      Require(NewSharedKey(storage::KeyUse::kMac, sealer, world_.clock.Now()));
  world_.Write([&](storage::Repositories& in) -> absl::Status {
    TESSERA_ASSIGN_OR_RETURN(std::vector<storage::StoredKey> rows, in.keys.List());
    for (storage::StoredKey& row : rows) {
      if (row.kid == old_kid) row.state = storage::KeyState::kRetiring;
      TESSERA_RETURN_IF_ERROR(in.keys.Update(row).status());
    }
    TESSERA_RETURN_IF_ERROR(in.keys.Insert(fresh));
    return in.keys.AdvanceVersion(1).status();
  });
  ASSERT_TRUE(world_.feed->CatchUp(absl::InfiniteFuture()).ok());
  ASSERT_EQ(world_.keys->Current()->mac_kid, fresh.kid);

  EXPECT_EQ(Require(Renew(first_.refresh_token)).refresh_token, second.refresh_token);
  Require(Renew(second.refresh_token));
  EXPECT_EQ(Row().mac_kid, fresh.kid);
}

}  // namespace
}  // namespace tessera::server
