#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/session_beginner.h"
#include "server/auth/session_ender.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

WorldOptions OneSession() {
  WorldOptions options;
  options.policy.one_session_per_user = true;
  return options;
}

std::vector<storage::Session> LiveSessions(AuthWorld& world, const UserId& user) {
  std::vector<storage::Session> sessions;
  Require(world.direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
    sessions = Require(in.sessions.ListLive(user, world.clock.Now(), SessionId(), 1000));
    return absl::OkStatus();
  }));
  return sessions;
}

AuthFacade::Parts PartsOf(AuthWorld& world) {
  return {*world.store, *world.keys, *world.hasher,  *world.feed,
          world.clock,  world.log,   *world.throttle};
}

TEST(OneSessionPerUser, IsOffUnlessAskedFor) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  const IssuedGrant first = world.Login("ada");
  world.Login("ada");
  EXPECT_EQ(LiveSessions(world, ada).size(), 2u);
  EXPECT_EQ(world.WhyInactive(first.access_token), "active");
}

TEST(OneSessionPerUser, ALoginEndsTheUsersOtherSessionAndItsTokensAndNobodyElses) {
  AuthWorld world(OneSession());
  const UserId ada = world.AddUser("ada").id;
  world.AddUser("grace");
  const IssuedGrant of_grace = world.Login("grace");
  const IssuedGrant first = world.Login("ada");
  const IssuedGrant second = world.Login("ada");

  EXPECT_EQ(world.WhyInactive(first.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(Reason(world.auth->Renew(world.call, first.refresh_token)), "SESSION_ENDED");
  EXPECT_EQ(world.WhyInactive(second.access_token), "active");
  EXPECT_TRUE(world.auth->Renew(world.call, second.refresh_token).ok());
  EXPECT_EQ(world.WhyInactive(of_grace.access_token), "active");
  EXPECT_EQ(LiveSessions(world, ada).size(), 1u);
  EXPECT_EQ(world.Feed().size(), 1u);
  EXPECT_EQ(world.log.Count("session.ended", "cause", "other_login"), 1);
  EXPECT_EQ(world.log.Count("session.ended", "session", first.session_id.str()), 1);
}

TEST(OneSessionPerUser, ALoginThatIsRefusedEndsNothing) {
  AuthWorld world(OneSession());
  const storage::User ada = world.AddUser("ada");
  const IssuedGrant first = world.Login("ada");
  EXPECT_EQ(Reason(world.TryLogin("ada", "wrong password")), "BAD_CREDENTIALS");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.ChangeUser(ada.id, [](storage::User& user) { ++user.version; });
  EXPECT_EQ(Reason(world.auth->OpenSession(world.call, login)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.SessionRow(first.session_id)->revoked_at, std::nullopt);
}

// A session may be idle while an access token of it lives on.
TEST(OneSessionPerUser, AlsoTheTokensOfASessionThatWentIdleAMomentAgoEnd) {
  WorldOptions options = OneSession();
  options.policy.refresh_idle_ttl = absl::Minutes(5);
  AuthWorld world(options);
  world.AddUser("ada");
  const IssuedGrant first = world.Login("ada");
  world.clock.Advance(absl::Minutes(6));
  ASSERT_EQ(world.WhyInactive(first.access_token), "active");
  world.Login("ada");
  EXPECT_EQ(world.WhyInactive(first.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(world.log.Count("session.ended"), 0);  // it had ended by itself
}

TEST(OneSessionPerUser, HoweverManyThereWereAreEnded) {
  AuthWorld world(OneSession());
  const UserId ada = world.AddUser("ada").id;
  const IssuedGrant first = world.Login("ada");
  const storage::Session pattern = *world.SessionRow(first.session_id);
  world.Write([&](storage::Repositories& in) {
    for (int i = 0; i < 2 * kEndBatch + 5; ++i) {
      storage::Session session = pattern;
      session.id = SessionId::Random(world.clock.Now());
      Require(in.sessions.Insert(session));
    }
    return absl::OkStatus();
  });
  const IssuedGrant last = world.Login("ada");
  const std::vector<storage::Session> live = LiveSessions(world, ada);
  ASSERT_EQ(live.size(), 1u);
  EXPECT_EQ(live[0].id, last.session_id);
  EXPECT_EQ(world.Feed().size(), static_cast<size_t>(2 * kEndBatch + 6));
}

TEST(OneSessionPerUser, AnAnswerLostAtCommitEndsTheOthersAndNotTheNewOne) {
  AuthWorld world(OneSession());
  const UserId ada = world.AddUser("ada").id;
  world.Login("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.store->LoseNextAnswer();
  const IssuedGrant grant = Require(world.auth->OpenSession(world.call, login));
  const std::vector<storage::Session> live = LiveSessions(world, ada);
  ASSERT_EQ(live.size(), 1u);
  EXPECT_EQ(live[0].id, grant.session_id);
  EXPECT_EQ(world.log.Count("session.ended", "cause", "other_login"), 1);
}

// A later login has won: the earlier one must not come back, nor end it.
TEST(OneSessionPerUser, ASecondRunBehindAnotherLoginLeavesThatOneAlone) {
  AuthWorld world(OneSession());
  const UserId ada = world.AddUser("ada").id;
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  const TokenIssuer issuer(OneSession().policy);
  storage::Session session = issuer.NewSession(login, world.clock.Now());
  session.access_until = world.clock.Now() + absl::Minutes(15);
  const SessionBeginner beginner(PartsOf(world), true);
  ASSERT_TRUE(Require(beginner.Begin(world.call, login, session)));
  const IssuedGrant later = world.Login("ada");
  EXPECT_TRUE(Require(beginner.Begin(world.call, login, session)));
  const std::vector<storage::Session> live = LiveSessions(world, ada);
  ASSERT_EQ(live.size(), 1u);
  EXPECT_EQ(live[0].id, later.session_id);
}

// On MariaDB every other login goes to a replica of its own.
TEST(OneSessionPerUser, OfLoginsAtTheSameMomentExactlyOneLives) {
  constexpr int kRounds = 6;
  constexpr int kLogins = 8;
  AuthWorld first(OneSession());
  const UserId ada = first.AddUser("ada").id;
  std::unique_ptr<AuthWorld> second;
  if (first.database->HoldsReplicas()) {
    second = std::make_unique<AuthWorld>(first.database, OneSession());
  }
  for (int round = 0; round < kRounds; ++round) {
    std::vector<VerifiedLogin> logins;
    for (int i = 0; i < kLogins; ++i) logins.push_back(Require(first.CheckLogin("ada")));
    std::vector<absl::Status> outcomes(kLogins);
    std::latch start(kLogins);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kLogins; ++i) {
      threads.emplace_back([&, i] {
        AuthWorld& replica = second != nullptr && i % 2 == 1 ? *second : first;
        start.arrive_and_wait();
        outcomes[i] = replica.auth->OpenSession(replica.call, logins[i]).status();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const absl::Status& outcome : outcomes) EXPECT_TRUE(outcome.ok()) << outcome;
    ASSERT_EQ(LiveSessions(first, ada).size(), 1u);
  }
}

}  // namespace
}  // namespace tessera::server
