#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/auth/hash_arena.h"
#include "server/auth/phc.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(AuthFacadeLogin, TheRightPasswordOpensASession) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const IssuedGrant grant = world.Login("ada");

  const Claims claims = world.ClaimsOf(grant.access_token);
  EXPECT_EQ(claims.issuer, "https://auth.example.test");
  EXPECT_EQ(claims.subject, ada.id.str());
  EXPECT_EQ(claims.audience, "tessera");
  EXPECT_EQ(claims.client_id, "tessera");
  EXPECT_EQ(claims.session_id, grant.session_id);
  EXPECT_EQ(claims.user_version, 1);
  EXPECT_EQ(claims.refresh_generation, 1);
  EXPECT_EQ(claims.issued_at, world.clock.Now());
  EXPECT_EQ(claims.auth_time, world.clock.Now());
  EXPECT_EQ(claims.expires_at, world.clock.Now() + absl::Minutes(15));
  EXPECT_EQ(grant.access_expires_at, claims.expires_at);

  const auto row = world.SessionRow(grant.session_id);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->user_id, ada.id);
  EXPECT_EQ(row->generation, 1);
  EXPECT_EQ(row->access_until, claims.expires_at);
  EXPECT_EQ(row->idle_expires_at, world.clock.Now() + absl::Hours(24 * 7));
  EXPECT_EQ(row->expires_at, world.clock.Now() + absl::Hours(24 * 30));
  EXPECT_EQ(grant.refresh_expires_at, row->idle_expires_at);
  EXPECT_EQ(world.UserRow(ada.id)->last_login_at, world.clock.Now());
  EXPECT_EQ(world.log.Count("login.admitted", "user", ada.id.str()), 1);
}

TEST(AuthFacadeLogin, ATokenIsValidInTheSameInstantWithinASecond) {
  AuthWorld world;
  world.AddUser("ada");
  world.clock.Advance(absl::Milliseconds(999));
  const IssuedGrant grant = world.Login("ada");
  EXPECT_EQ(world.WhyInactive(grant.access_token), "active");
  EXPECT_LE(world.ClaimsOf(grant.access_token).not_before, world.clock.Now());
}

TEST(AuthFacadeLogin, WrongPasswordUnknownNameAndDisabledUserAreIndistinguishable) {
  AuthWorld world;
  world.AddUser("ada");
  const storage::User bob = world.AddUser("bob");
  world.Disable(bob.id);

  const absl::Status wrong = world.TryLogin("ada", "wrong password").status();
  EXPECT_EQ(Reason(wrong), "BAD_CREDENTIALS");
  EXPECT_TRUE(absl::IsUnauthenticated(wrong));
  for (const absl::Status& other :
       {world.TryLogin("nobody").status(), world.TryLogin("bob").status(),
        world.TryLogin("bob", "wrong password").status(), world.TryLogin("no such name!").status(),
        world.TryLogin(std::string(65, 'a')).status(), world.TryLogin("").status(),
        world.TryLogin("ada", "").status(), world.TryLogin("ada", "tab\tin it").status()}) {
    EXPECT_EQ(other, wrong);
  }
  EXPECT_EQ(world.log.Count("login.refused", "reason", "disabled"), 1);
  EXPECT_EQ(world.log.Count("login.refused", "reason", "bad_password"), 4);
  EXPECT_EQ(world.log.Count("login.refused", "reason", "unknown_user"), 4);
}

TEST(AuthFacadeLogin, EveryRefusalCostsOneHashOfTheSameSize) {
  AuthWorld world;
  world.AddUser("ada");
  world.Disable(world.AddUser("bob").id);
  const storage::User odd = world.AddUser("odd");
  world.ChangeUser(odd.id, [](storage::User& user) { user.password_hash = "not a hash"; });
  const HashArena& arena = HashArena::OfThisThread();

  const uint64_t takes = arena.takes();
  const uint64_t bytes = arena.bytes_taken();
  EXPECT_FALSE(world.TryLogin("ada", "wrong password").ok());
  const uint64_t one = arena.bytes_taken() - bytes;
  EXPECT_EQ(arena.takes() - takes, 1u);

  for (const std::string name : {"nobody", "bob", "no such name!", "odd"}) {
    const uint64_t takes_before = arena.takes();
    const uint64_t before = arena.bytes_taken();
    EXPECT_EQ(Reason(world.TryLogin(name)), "BAD_CREDENTIALS");
    EXPECT_EQ(arena.takes() - takes_before, 1u) << name;
    EXPECT_EQ(arena.bytes_taken() - before, one) << name;
  }
}

TEST(AuthFacadeLogin, NeitherPasswordNorTokenIsLogged) {
  AuthWorld world;
  world.AddUser("ada");
  const IssuedGrant grant = world.Login("ada");
  EXPECT_FALSE(world.TryLogin("ada", "wrong password").ok());
  ASSERT_TRUE(world.auth->Renew(world.call, grant.refresh_token).ok());
  ASSERT_TRUE(world.auth->Revoke(world.call, grant.access_token).ok());
  EXPECT_FALSE(world.log.Mentions(kPassword));
  EXPECT_FALSE(world.log.Mentions("wrong password"));
  EXPECT_FALSE(world.log.Mentions(grant.access_token.Reveal()));
  EXPECT_FALSE(world.log.Mentions(grant.refresh_token.Reveal()));
}

TEST(AuthFacadeLogin, NamesAreFoldedToLowerCase) {
  AuthWorld world;
  world.AddUser("ada@example.test");
  EXPECT_TRUE(world.TryLogin("Ada@Example.TEST").ok());
}

TEST(AuthFacadeLogin, AnImpossibleNameIsAskedOfTheStoreAndCountedLikeAnUnknownOne) {
  AuthWorld world;
  const auto calls_of = [&](const std::string& name) {
    const int before = world.store->calls();
    EXPECT_EQ(Reason(world.TryLogin(name)), "BAD_CREDENTIALS");
    return world.store->calls() - before;
  };
  const int unknown = calls_of("nobody");
  EXPECT_EQ(calls_of("a b"), unknown);
  EXPECT_EQ(calls_of(std::string(65, 'a')), unknown);
}

TEST(AuthFacadeLogin, APasswordTypedDecomposedMatchesTheComposedOne) {
  AuthWorld world;
  world.AddUser("ada", "r\xc3\xa9sum\xc3\xa9-2027");
  EXPECT_TRUE(world.TryLogin("ada", "re\xcc\x81sume\xcc\x81-2027").ok());
}

TEST(AuthFacadeLogin, A1024BytePasswordIsCheckedAndOneByteMoreIsRefused) {
  AuthWorld world;
  world.AddUser("ada", std::string(1024, 'x'));
  EXPECT_TRUE(world.TryLogin("ada", std::string(1024, 'x')).ok());
  const absl::Status longer = world.TryLogin("ada", std::string(1025, 'x')).status();
  EXPECT_EQ(Reason(longer), "FIELD_INVALID");
  EXPECT_EQ(FieldOf(longer), "password");
}

TEST(AuthFacadeLogin, OnlyAllowListedAudiencesAreServed) {
  AuthWorld world;
  world.AddUser("ada");
  EXPECT_EQ(world.ClaimsOf(world.Login("ada", "orders").access_token).audience, "orders");
  const absl::Status other = world.TryLogin("ada", kPassword, "payroll").status();
  EXPECT_EQ(Reason(other), "FIELD_INVALID");
  EXPECT_EQ(FieldOf(other), "audience");
  EXPECT_EQ(Reason(world.TryLogin("ada", kPassword, "Orders")), "FIELD_INVALID");
}

TEST(AuthFacadeLogin, ATokenCarriesOnlyTheRolesOfItsAudience) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  world.GrantNewRole(ada, "orders.admin", {"orders"});
  world.GrantNewRole(ada, "reader");
  world.GrantNewRole(ada, "tessera.admin", {"tessera"});
  world.GrantNewRole(ada, "tessera.audit");              // limited whatever its row says
  world.GrantNewRole(ada, "tessera.guard", {"orders"});  // likewise
  EXPECT_THAT(world.ClaimsOf(world.Login("ada").access_token).roles,
              ElementsAre("reader", "tessera.admin", "tessera.audit", "tessera.guard"));
  EXPECT_THAT(world.ClaimsOf(world.Login("ada", "orders").access_token).roles,
              ElementsAre("orders.admin", "reader"));
  EXPECT_THAT(world.ClaimsOf(world.Login("ada", "billing").access_token).roles,
              ElementsAre("reader"));
}

TEST(AuthFacadeLogin, AUserWithoutRolesGetsNone) {
  AuthWorld world;
  world.AddUser("ada");
  EXPECT_THAT(world.ClaimsOf(world.Login("ada").access_token).roles, IsEmpty());
}

TEST(AuthFacadeLogin, ATokenOverTheCapIsNotIssuedAndNoSessionBegins) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  for (int i = 0; i < 70; ++i) {
    world.GrantNewRole(ada, "role-" + std::string(55, 'x') + std::to_string(i));
  }
  const int writes = world.store->writes();
  EXPECT_EQ(Reason(world.TryLogin("ada")), "TOKEN_TOO_LARGE");
  EXPECT_EQ(world.store->writes(), writes + 2) << "the attempt, counted and taken back";
  EXPECT_FALSE(world.UserRow(ada)->last_login_at.has_value());
}

TEST(AuthFacadeLogin, ALoginThatRacesAPasswordChangeIsRefused) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.ChangeUser(ada.id, [](storage::User& user) { ++user.version; });
  EXPECT_EQ(Reason(world.auth->OpenSession(world.call, login)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.log.Count("login.refused", "reason", "user_changed"), 1);
}

TEST(AuthFacadeLogin, ALoginThatRacesADisableIsRefused) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.Disable(ada.id);
  EXPECT_EQ(Reason(world.auth->OpenSession(world.call, login)), "BAD_CREDENTIALS");
}

TEST(AuthFacadeLogin, ALoginThatRacesADisableBetweenReadingAndWritingIsRefused) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.store->BeforeNextWrite([&] { world.Disable(ada.id); });
  EXPECT_EQ(Reason(world.auth->OpenSession(world.call, login)), "BAD_CREDENTIALS");
  EXPECT_EQ(world.UserRow(ada.id)->last_login_at, std::nullopt);
}

TEST(AuthFacadeLogin, ALoginThatRacesADeleteIsRefused) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.Write([&](storage::Repositories& in) { return in.users.Delete(ada.id).status(); });
  EXPECT_EQ(Reason(world.auth->OpenSession(world.call, login)), "BAD_CREDENTIALS");
}

TEST(AuthFacadeLogin, AHashOfOlderParametersIsReplaced) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const PasswordHasher older = Require(PasswordHasher::Create({8 * 1024, 2}));
  const std::string old_hash = Require(older.Hash(Secret::CopyOf(kPassword)));
  world.ChangeUser(ada.id, [&](storage::User& user) { user.password_hash = old_hash; });

  world.Login("ada");

  const auto row = world.UserRow(ada.id);
  EXPECT_EQ(ParsePhc(row->password_hash)->cost.passes, 1u);
  EXPECT_EQ(row->version, 1);
  EXPECT_TRUE(world.TryLogin("ada").ok());
}

TEST(AuthFacadeLogin, AHashOfTodayIsLeftAlone) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  world.Login("ada");
  EXPECT_EQ(world.UserRow(ada.id)->password_hash, ada.password_hash);
}

TEST(AuthFacadeLogin, AnAnswerLostAtCommitBeginsOneSession) {
  AuthWorld world;
  world.AddUser("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  world.store->LoseNextAnswer();
  const auto grant = world.auth->OpenSession(world.call, login);
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_TRUE(world.SessionRow(grant->session_id).has_value());
}

TEST(AuthFacadeLogin, WithTheDatabaseAwayItSaysSo) {
  AuthWorld world;
  world.AddUser("ada");
  world.store->set_away(true);
  EXPECT_EQ(Reason(world.TryLogin("ada")), "STORAGE_UNAVAILABLE");
}

TEST(AuthFacadeLogin, ATokenEndsWithItsSessionAtTheLatest) {
  WorldOptions options;
  options.policy.refresh_ttl = absl::Minutes(5);
  AuthWorld world(options);
  world.AddUser("ada");
  const IssuedGrant grant = world.Login("ada");
  EXPECT_EQ(grant.access_expires_at, world.clock.Now() + absl::Minutes(5));
  EXPECT_EQ(grant.refresh_expires_at, world.clock.Now() + absl::Minutes(5));
}

}  // namespace
}  // namespace tessera::server
