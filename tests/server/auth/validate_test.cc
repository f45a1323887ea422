#include <gtest/gtest.h>

#include <string>

#include "server/auth/revocations.h"
#include "tessera/token/token_signer.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

class ValidateTest : public ::testing::Test {
 protected:
  ValidateTest() : ada_(world_.AddUser("ada")), grant_(world_.Login("ada")) {}

  // A token that tesserad's own key signed, with other claims.
  Secret Signed(const std::function<void(Claims&)>& change) {
    Claims claims = world_.ClaimsOf(grant_.access_token);
    change(claims);
    return Require(SignAccessToken(claims, *world_.keys->Current()->signing));
  }
  void Append(const storage::Revocation& entry) {
    world_.Write([&](storage::Repositories& in) { return in.revocations.Append({entry}); });
    Require(world_.feed->CatchUp(absl::InfiniteFuture()));
  }

  AuthWorld world_;
  storage::User ada_;
  IssuedGrant grant_;
};

TEST_F(ValidateTest, ALiveTokenIsActiveWithItsClaims) {
  const Introspection seen = Require(world_.auth->Validate(grant_.access_token));
  ASSERT_NE(seen.claims, nullptr);
  EXPECT_EQ(seen.claims->subject, ada_.id.str());
  EXPECT_EQ(seen.inactive_reason, "");
}

TEST_F(ValidateTest, ItIsAnsweredFromMemory) {
  const int calls = world_.store->calls();
  world_.store->set_away(true);
  world_.feed_store->set_away(true);
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "active");
  EXPECT_EQ(world_.store->calls(), calls);
}

TEST_F(ValidateTest, ARefreshTokenIsOfTheWrongType) {
  EXPECT_EQ(world_.WhyInactive(grant_.refresh_token), "TOKEN_TYPE");
  EXPECT_EQ(world_.WhyInactive(Secret("tsr_")), "TOKEN_TYPE");
}

TEST_F(ValidateTest, EveryAllowListedAudienceIsServedAndNoOther) {
  for (const std::string audience : {"tessera", "orders", "billing"}) {
    EXPECT_EQ(world_.WhyInactive(Signed([&](Claims& c) { c.audience = audience; })), "active");
  }
  EXPECT_EQ(world_.WhyInactive(Signed([](Claims& c) { c.audience = "payroll"; })),
            "TOKEN_AUDIENCE");
}

TEST_F(ValidateTest, TheReasonIsNamed) {
  EXPECT_EQ(world_.WhyInactive(Secret()), "TOKEN_MALFORMED");
  EXPECT_EQ(world_.WhyInactive(Secret("a.b.c")), "TOKEN_MALFORMED");
  EXPECT_EQ(world_.WhyInactive(Signed([](Claims& c) { c.issuer = "https://other.test"; })),
            "TOKEN_ISSUER");
  const SigningKey stranger = Require(SigningKey::Generate(Algorithm::kEs256));
  const Claims claims = world_.ClaimsOf(grant_.access_token);
  EXPECT_EQ(world_.WhyInactive(Require(SignAccessToken(claims, stranger))), "TOKEN_UNKNOWN_KEY");
}

TEST_F(ValidateTest, ATokenExpiresExactlyAtItsEndPlusTheLeeway) {
  world_.clock.SetWall(grant_.access_expires_at + absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "active");
  world_.clock.SetWall(grant_.access_expires_at + absl::Seconds(5));
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_EXPIRED");
}

TEST_F(ValidateTest, AUserEntryHitsTokensOfLowerVersionsOnly) {
  const Secret next = Signed([](Claims& c) { c.user_version = 2; });
  Append(RevokeUserEntry(ada_.id, 2, world_.clock.Now()));
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(world_.WhyInactive(next), "active");
}

TEST_F(ValidateTest, AnEntryForTheWholeUserHitsEveryVersion) {
  const Secret next = Signed([](Claims& c) { c.user_version = 1000000; });
  Append(RevokeWholeUserEntry(ada_.id, world_.clock.Now()));
  EXPECT_EQ(world_.WhyInactive(next), "TOKEN_REVOKED");
}

TEST_F(ValidateTest, AKeyEntryHitsWhatTheKeySigned) {
  Append(RevokeKeyEntry(world_.keys->Current()->signing->kid(), world_.clock.Now()));
  EXPECT_EQ(world_.WhyInactive(grant_.access_token), "TOKEN_REVOKED");
}

TEST_F(ValidateTest, TheJwkSetVerifiesItsTokens) {
  const JwkSet set = Require(JwkSet::Parse(Require(world_.auth->Jwks())));
  const TokenVerifier verifier =
      Require(TokenVerifier::Create({"https://auth.example.test", "tessera", absl::Seconds(5)}));
  EXPECT_TRUE(verifier.Verify(grant_.access_token.Reveal(), set, world_.clock.Now()).ok());
}

constexpr char kDevice[] = "a device's own secret";

// What a holder who shows `call` is told.
class BoundTokenTest : public ValidateTest {
 protected:
  static CallInfo Showing(const std::string& device, const std::string& certificate) {
    CallInfo call;
    call.device_id = device;
    if (!certificate.empty()) call.certificate = ClientCertificate{certificate, {}};
    return call;
  }
  std::string Told(const Secret& token, const CallInfo& call) {
    const Introspection seen = Require(world_.auth->ValidateForHolder(token, [&] { return call; }));
    return seen.claims != nullptr ? "active" : seen.inactive_reason;
  }

  const Secret to_device_ = Signed([](Claims& c) { c.device_hash = DeviceHash(kDevice); });
  const Secret to_certificate_ = Signed([](Claims& c) { c.certificate = "thumbprint"; });
};

TEST_F(BoundTokenTest, IsActiveForACallThatShowsTheSame) {
  EXPECT_EQ(Told(to_device_, Showing(kDevice, "")), "active");
  EXPECT_EQ(Told(to_certificate_, Showing("", "thumbprint")), "active");
  EXPECT_EQ(Told(to_device_, Showing(kDevice, "another")), "active");
}

TEST_F(BoundTokenTest, IsInactiveForAnyOtherCall) {
  EXPECT_EQ(Told(to_device_, Showing("", "")), "DEVICE_MISMATCH");
  EXPECT_EQ(Told(to_device_, Showing("another device's secret", "")), "DEVICE_MISMATCH");
  EXPECT_EQ(Told(to_certificate_, Showing("", "")), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(Told(to_certificate_, Showing("", "another")), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(Told(to_certificate_, Showing(kDevice, "")), "CERTIFICATE_MISMATCH");
}

TEST_F(BoundTokenTest, TheHashThatTheTokenShowsIsNotTheDevice) {
  EXPECT_EQ(Told(to_device_, Showing(DeviceHash(kDevice), "")), "DEVICE_MISMATCH");
}

TEST_F(BoundTokenTest, ToBothAsksForBoth) {
  const Secret to_both = Signed([](Claims& c) {
    c.device_hash = DeviceHash(kDevice);
    c.certificate = "thumbprint";
  });
  EXPECT_EQ(Told(to_both, Showing(kDevice, "thumbprint")), "active");
  EXPECT_EQ(Told(to_both, Showing(kDevice, "")), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(Told(to_both, Showing("", "thumbprint")), "DEVICE_MISMATCH");
}

TEST_F(BoundTokenTest, AMismatchDoesNotSpoilTheTokenForItsHolder) {
  EXPECT_EQ(Told(to_device_, Showing("", "")), "DEVICE_MISMATCH");
  EXPECT_EQ(Told(to_device_, Showing(kDevice, "")), "active");
}

TEST_F(BoundTokenTest, ThatIsDeadSaysWhyWhoeverAsks) {
  Append(RevokeSessionEntry(grant_.session_id, grant_.access_expires_at));
  EXPECT_EQ(Told(to_device_, Showing("", "")), "TOKEN_REVOKED");
}

TEST_F(BoundTokenTest, WhoMayAskAboutOthersTokensIsToldWhateverTheyAreBoundTo) {
  EXPECT_EQ(world_.WhyInactive(to_device_), "active");
  EXPECT_EQ(world_.WhyInactive(to_certificate_), "active");
}

TEST_F(BoundTokenTest, EvidenceIsAskedForBoundTokensOnly) {
  bool asked = false;
  const auto no_evidence = [&]() -> absl::StatusOr<CallInfo> {
    asked = true;
    return absl::InvalidArgumentError("two devices");
  };
  EXPECT_TRUE(world_.auth->ValidateForHolder(grant_.access_token, no_evidence).ok());
  EXPECT_FALSE(asked);
  EXPECT_TRUE(
      absl::IsInvalidArgument(world_.auth->ValidateForHolder(to_device_, no_evidence).status()));
}

// Parts that have nothing yet.
class NoKeys final : public KeyRing {
 public:
  std::shared_ptr<const KeySnapshot> Current() const override {
    return std::make_shared<const KeySnapshot>();
  }
  absl::Status Refresh() override { return absl::OkStatus(); }
};

class UnloadedFeed final : public RevocationFeed {
 public:
  explicit UnloadedFeed(const Clock& clock) : view_(std::make_shared<RevocationView>(clock)) {}
  const std::shared_ptr<RevocationView>& view() const override { return view_; }
  absl::Status CatchUp(absl::Time) override { return absl::OkStatus(); }
  Position Now() const override { return {}; }
  absl::StatusOr<std::vector<storage::Revocation>> After(int64_t, size_t) const override {
    return absl::OutOfRangeError("nothing is held");
  }
  std::shared_ptr<void> Subscribe(std::function<void()>) override { return nullptr; }

 private:
  std::shared_ptr<RevocationView> view_;
};

TEST_F(ValidateTest, BeforeTheRevocationsAreLoadedNothingIsJudged) {
  UnloadedFeed feed(world_.clock);
  const AuthFacade auth(WorldOptions::DefaultPolicy(),
                        {*world_.store, *world_.keys, *world_.hasher, feed, world_.clock,
                         world_.log, *world_.throttle});
  const auto seen = auth.Validate(grant_.access_token);
  EXPECT_TRUE(absl::IsUnavailable(seen.status()));
  EXPECT_EQ(Reason(seen), "REVOCATION_VIEW_STALE");
}

TEST_F(ValidateTest, WithoutKeysNothingIsJudged) {
  const NoKeys keys;
  const AuthFacade auth(WorldOptions::DefaultPolicy(),
                        {*world_.store, keys, *world_.hasher, *world_.feed, world_.clock,
                         world_.log, *world_.throttle});
  EXPECT_EQ(Reason(auth.Validate(grant_.access_token)), "KEYS_UNAVAILABLE");
  EXPECT_EQ(Reason(auth.Jwks()), "KEYS_UNAVAILABLE");
}

// A key that was revoked is in no set any more: the view says why its tokens are refused.
TEST_F(ValidateTest, ATokenOfARevokedKeyIsRevokedAndOneOfAForeignKeyIsNot) {
  const SigningKey other = Require(SigningKey::Generate(Algorithm::kEs256));
  const Secret token = Require(SignAccessToken(world_.ClaimsOf(grant_.access_token), other));
  EXPECT_EQ(world_.WhyInactive(token), "TOKEN_UNKNOWN_KEY");
  Append(RevokeKeyEntry(other.kid(), world_.clock.Now()));
  EXPECT_EQ(world_.WhyInactive(token), "TOKEN_REVOKED");
  const SigningKey third = Require(SigningKey::Generate(Algorithm::kEs256));
  EXPECT_EQ(
      world_.WhyInactive(Require(SignAccessToken(world_.ClaimsOf(grant_.access_token), third))),
      "TOKEN_UNKNOWN_KEY");
}

}  // namespace
}  // namespace tessera::server
