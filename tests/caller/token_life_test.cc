#include "tessera/caller/token_life.h"

#include <gtest/gtest.h>

#include <string>

#include "tessera/token/base64url.h"
#include "tessera/token/claims.h"
#include "tests/base/fake_clock.h"

namespace tessera {
namespace {

using testing::FakeClock;

// A token whose `iat` and `exp` are those of a server that is `ahead` of this machine's clock.
Grant JwtFrom(const Clock& clock, absl::Duration ahead) {
  Claims claims;
  claims.issuer = "https://auth.example";
  claims.subject = "usr_1";
  claims.audience = "orders";
  claims.client_id = "tessera";
  claims.token_id = TokenId("tok_1");
  claims.issued_at = claims.not_before = clock.Now() + ahead;
  claims.expires_at = claims.issued_at + absl::Minutes(15);
  Grant grant;
  grant.access_token =
      Secret("e30." + Base64UrlEncode(ClaimsToJson(claims).value()) + ".c2lnbmF0dXJl");
  grant.access_expires_at = claims.expires_at;
  return grant;
}

class TokenLifeOfJwt : public ::testing::TestWithParam<int> {};

TEST_P(TokenLifeOfJwt, DoesNotDependOnTheClocksDifference) {
  FakeClock clock;
  const TokenLife life(JwtFrom(clock, absl::Minutes(GetParam())), 0.8, clock);
  EXPECT_LE(life.UntilRenewal(clock), absl::Minutes(12));
  EXPECT_GE(life.UntilRenewal(clock), absl::Minutes(12) * 0.9);
  clock.Advance(absl::Minutes(15) - absl::Nanoseconds(1));
  EXPECT_TRUE(life.IsAlive(clock));
  clock.Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(life.IsAlive(clock));
}

INSTANTIATE_TEST_SUITE_P(MinutesAhead, TokenLifeOfJwt, ::testing::Values(-60, -14, 0, 14, 60));

TEST(TokenLife, AnOpaqueTokenLivesUntilItsExpiry) {
  FakeClock clock;
  for (const char* const text : {"opaque", "a.b", "a.!.c", "a.e30.c"}) {
    Grant grant;
    grant.access_token = Secret(text);
    grant.access_expires_at = clock.Now() + absl::Minutes(5);
    const TokenLife life(grant, 0.5, clock);
    EXPECT_LE(life.UntilRenewal(clock), absl::Minutes(2.5));
    EXPECT_GE(life.UntilRenewal(clock), absl::Minutes(2.5) * 0.9);
  }
}

TEST(TokenLife, IsNeverShorterThanASecond) {
  FakeClock clock;
  Grant grant;
  grant.access_token = Secret("opaque");
  grant.access_expires_at = clock.Now() - absl::Hours(1);
  const TokenLife life(grant, 0.8, clock);
  EXPECT_TRUE(life.IsAlive(clock));
  EXPECT_GE(life.UntilRenewal(clock), absl::Milliseconds(720));
}

}  // namespace
}  // namespace tessera
