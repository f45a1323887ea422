// The rules of `tokens.renewal_...` and the bindings, and what an attacker would try against them.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/auth/refresh_token.h"
#include "server/auth/revocations.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/token_signer.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

WorldOptions With(bool TokenPolicy::*rule) {
  WorldOptions options;
  options.policy.*rule = true;
  return options;
}

// A session of ada's under one rule.
class RenewalRule : public ::testing::Test {
 protected:
  explicit RenewalRule(const WorldOptions& options)
      : world_(options), ada_(world_.AddUser("ada")), first_(world_.Login("ada")) {}

  absl::StatusOr<IssuedGrant> Renew(const Secret& refresh, const Secret& access = {}) {
    return Renew(RenewalInput{refresh, access});
  }
  absl::StatusOr<IssuedGrant> Renew(const RenewalInput& input) {
    TESSERA_ASSIGN_OR_RETURN(const RenewalInput checked,
                             world_.auth->CheckRenewal(world_.call, input));
    return world_.auth->Renew(world_.call, checked);
  }
  absl::StatusOr<IssuedGrant> Renew(const IssuedGrant& pair) {
    return Renew(pair.refresh_token, pair.access_token);
  }
  storage::Session Row() { return *world_.SessionRow(first_.session_id); }
  bool HasEnded() { return Row().revoked_at.has_value(); }

  // The first access token, signed again by our own key after `change`.
  Secret Resigned(const std::function<void(Claims&)>& change) {
    Claims claims = world_.ClaimsOf(first_.access_token);
    change(claims);
    return Require(SignAccessToken(claims, *world_.keys->Current()->signing));
  }
  // As another replica would, which this one has not heard of yet.
  void RevokeElsewhere(const Secret& access_token) {
    const Claims claims = world_.ClaimsOf(access_token);
    world_.Write([&](storage::Repositories& in) {
      return in.revocations.Append({RevokeTokenEntry(claims.token_id, claims.expires_at)});
    });
  }

  AuthWorld world_;
  storage::User ada_;
  IssuedGrant first_;
};

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

TEST_F(NeedsAccessToken, WithoutOneNothingIsRenewedAndNothingEnded) {
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "ACCESS_TOKEN_REQUIRED");
  EXPECT_EQ(world_.log.Count("renewal.refused", "reason", "ACCESS_TOKEN_REQUIRED"), 1);
  EXPECT_EQ(Row().generation, 1);
  EXPECT_FALSE(HasEnded());
  EXPECT_TRUE(Renew(first_).ok());
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
  EXPECT_EQ(Reason(Renew(first_.refresh_token)), "ACCESS_TOKEN_REQUIRED");
  EXPECT_FALSE(HasEnded());
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

TEST_F(NeedsAccessToken, AThiefWhoRacesWithTheRefreshTokenAloneGainsNothing) {
  std::vector<absl::StatusOr<IssuedGrant>> thieves(8, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  for (auto& thief : thieves) {
    threads.emplace_back([&] { thief = Renew(first_.refresh_token); });
  }
  const absl::StatusOr<IssuedGrant> owner = Renew(first_);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(owner.ok()) << owner.status();
  for (const auto& thief : thieves) EXPECT_EQ(Reason(thief), "ACCESS_TOKEN_REQUIRED");
  EXPECT_FALSE(HasEnded());
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

// What a session is bound to, whatever the rules.
class BoundRenewal : public RenewalRule {
 protected:
  BoundRenewal() : RenewalRule(With(&TokenPolicy::renewal_by_access_token)) {
    world_.call.certificate = ClientCertificate{"thumb-1", {}};
    SessionTerms terms;
    terms.device_id = kDevice;
    terms.bind_certificate = true;
    LoginAttempt attempt = Require(world_.auth->BeginLogin(
        world_.call, {"ada", Secret::CopyOf(kPassword), "", std::move(terms)}));
    first_ = Require(world_.auth->OpenSession(
        world_.call, Require(world_.auth->CheckPassword(world_.call, std::move(attempt)))));
  }

  // Through what a step that was taken meanwhile would see.
  std::string Outcome(const Secret& refresh, const std::string& device) {
    return Reason(Renew(RenewalInput{refresh, Secret(), device}));
  }

  static constexpr char kDevice[] = "device-of-ada-0001";
  static constexpr char kOther[] = "device-of-eve-0001";
};

TEST_F(BoundRenewal, TheSameDeviceAndCertificateRenewAndTheTokensStayBound) {
  const IssuedGrant second = Require(Renew(RenewalInput{first_.refresh_token, Secret(), kDevice}));
  const Claims claims = world_.ClaimsOf(second.access_token);
  EXPECT_EQ(claims.device_hash, DeviceHash(kDevice));
  EXPECT_EQ(claims.certificate, "thumb-1");
}

TEST_F(BoundRenewal, TheDeviceMayBeNamedByTheCallsMetadata) {
  world_.call.device_id = kDevice;
  EXPECT_EQ(Outcome(first_.refresh_token, ""), "OK");
}

TEST_F(BoundRenewal, TwoDevicesInOneCallAreAnError) {
  world_.call.device_id = kDevice;
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "FIELD_INVALID");
  world_.call.device_id = kOther;
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "FIELD_INVALID");
}

TEST_F(BoundRenewal, AnotherDeviceOrNoneIsRefusedAuditedAndChangesNothing) {
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "DEVICE_MISMATCH");
  EXPECT_EQ(Outcome(first_.refresh_token, ""), "DEVICE_MISMATCH");
  EXPECT_EQ(world_.log.Count("renewal.refused", "reason", "DEVICE_MISMATCH"), 2);
  EXPECT_EQ(Row().generation, 1);
  EXPECT_FALSE(HasEnded());
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
}

TEST_F(BoundRenewal, TheDevicesHashIsNotTheDevice) {
  EXPECT_EQ(Outcome(first_.refresh_token, DeviceHash(kDevice)), "DEVICE_MISMATCH");
  EXPECT_FALSE(world_.log.Mentions(kDevice));
}

TEST_F(BoundRenewal, AnotherCertificateOrNoneIsRefusedAuditedAndChangesNothing) {
  world_.call.certificate = ClientCertificate{"thumb-2", {}};
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "CERTIFICATE_MISMATCH");
  world_.call.certificate.reset();
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(world_.log.Count("renewal.refused", "reason", "CERTIFICATE_MISMATCH"), 2);
  EXPECT_EQ(Row().generation, 1);
  EXPECT_FALSE(HasEnded());
}

TEST_F(BoundRenewal, WithinTheGraceAnotherDeviceEndsTheSession) {
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");  // a retry
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
  EXPECT_EQ(world_.log.Count("renewal.reuse"), 1);
}

TEST_F(BoundRenewal, WithinTheGraceAnotherCertificateEndsTheSession) {
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
  world_.call.certificate = ClientCertificate{"thumb-2", {}};
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
}

TEST_F(BoundRenewal, AThiefWhoLosesTheSwapToTheOwnerEndsTheSessionForBoth) {
  world_.store->BeforeNextWrite([&] { ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK"); });
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "OK");  // the owner's own retry
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "REFRESH_REUSED");
}

TEST_F(BoundRenewal, AnAccessTokenAloneIsAskedForBothToo) {
  const auto by = [&](const std::string& device) {
    return Reason(Renew(RenewalInput{Secret(), first_.access_token, device}));
  };
  EXPECT_EQ(by(kOther), "DEVICE_MISMATCH");
  EXPECT_EQ(by(""), "DEVICE_MISMATCH");
  EXPECT_EQ(by(kDevice), "OK");
  world_.call.certificate.reset();
  EXPECT_EQ(by(kDevice), "CERTIFICATE_MISMATCH");
}

TEST_F(BoundRenewal, TheAddressIsThatOfTheLastRenewal) {
  EXPECT_EQ(Row().address, "192.0.2.7");
  world_.call.peer = "198.51.100.9";
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
  EXPECT_EQ(Row().address, "198.51.100.9");
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
