#include "tessera/token/token_verifier.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using testing::Compact;
using testing::HeaderFor;
using testing::KeyOf;
using testing::kNow;
using testing::PayloadOf;
using testing::SampleClaims;
using testing::SampleExpected;
using testing::SetOf;
using testing::VerdictOn;
using testing::VerifierFor;

const SigningKey& Key() { return KeyOf(Algorithm::kEs256); }

std::string Token(const Claims& claims) {
  return std::string(SignAccessToken(claims, Key())->Reveal());
}

TEST(TokenVerifier, AcceptsWhatTheSignerMadeWithEveryAlgorithm) {
  for (const Algorithm algorithm : testing::kAllAlgorithms) {
    const auto token = SignAccessToken(SampleClaims(), KeyOf(algorithm));
    const auto verified =
        VerifierFor(SampleExpected()).Verify(token->Reveal(), SetOf(KeyOf(algorithm)), kNow);
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->claims().subject, "usr_1");
    EXPECT_EQ(verified->claims().roles, SampleClaims().roles);
    EXPECT_EQ(verified->kid(), KeyOf(algorithm).kid());
  }
}

TEST(TokenVerifier, HashesNameThePartsAsTheFeedDoes) {
  const auto verified =
      VerifierFor(SampleExpected()).Verify(Token(SampleClaims()), SetOf(Key()), kNow);
  EXPECT_EQ(verified->token_hash(), IdHashOf("tok_1"));
  EXPECT_EQ(verified->session_hash(), IdHashOf("ses_1"));
  EXPECT_EQ(verified->subject_hash(), IdHashOf("usr_1"));
  EXPECT_EQ(verified->key_hash(), IdHashOf(Key().kid()));
}

TEST(TokenVerifier, WithoutASessionItsHashIsAllZero) {
  Claims claims = SampleClaims();
  claims.session_id = SessionId();
  const auto verified = VerifierFor(SampleExpected()).Verify(Token(claims), SetOf(Key()), kNow);
  EXPECT_EQ(verified->session_hash(), IdHash{});
}

TEST(VerifiedToken, HasNoOtherMaker) {
  EXPECT_FALSE(std::is_default_constructible_v<VerifiedToken>);
  EXPECT_FALSE((std::is_constructible_v<VerifiedToken, Claims, std::string>));
}

void ExpectNoVerifier(void (*spoil)(Expected&)) {
  Expected expected = SampleExpected();
  spoil(expected);
  EXPECT_EQ(TokenVerifier::Create(expected).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(TokenVerifier, IsNotMadeWithoutIssuerOrWithAnAbsurdLeeway) {
  ExpectNoVerifier([](Expected& e) { e.issuer.clear(); });
  ExpectNoVerifier([](Expected& e) { e.audience = ""; });
  ExpectNoVerifier([](Expected& e) { e.leeway = absl::Nanoseconds(-1); });
  ExpectNoVerifier([](Expected& e) { e.leeway = kMaxLeeway + absl::Nanoseconds(1); });
  ExpectNoVerifier([](Expected& e) { e.leeway = absl::InfiniteDuration(); });
}

TEST(TokenVerifier, LeewayMayBeZeroOrTheMost) {
  Expected expected = SampleExpected();
  expected.leeway = absl::ZeroDuration();
  EXPECT_TRUE(TokenVerifier::Create(expected).ok());
  expected.leeway = kMaxLeeway;
  EXPECT_TRUE(TokenVerifier::Create(expected).ok());
}

class Leeway : public ::testing::TestWithParam<int> {
 protected:
  std::string VerdictAt(const std::string& token, absl::Time now) const {
    Expected expected = SampleExpected();
    expected.leeway = absl::Seconds(GetParam());
    const auto verified = VerifierFor(expected).Verify(token, SetOf(Key()), now);
    return verified.ok() ? "OK" : ReasonOf(verified.status());
  }
  const absl::Duration leeway_ = absl::Seconds(GetParam());
  const absl::Duration tick_ = absl::Nanoseconds(1);
};

TEST_P(Leeway, ExpiredExactlyAtExpPlusLeeway) {
  const std::string token = Token(SampleClaims());
  const absl::Time end = SampleClaims().expires_at + leeway_;
  EXPECT_EQ(VerdictAt(token, end - tick_), "OK");
  EXPECT_EQ(VerdictAt(token, end), "TOKEN_EXPIRED");
  EXPECT_EQ(VerdictAt(token, end + tick_), "TOKEN_EXPIRED");
  EXPECT_EQ(VerdictAt(token, absl::InfiniteFuture()), "TOKEN_EXPIRED");
}

TEST_P(Leeway, ValidExactlyFromNbfMinusLeeway) {
  Claims claims = SampleClaims();
  claims.not_before = kNow + absl::Minutes(5);
  const std::string token = Token(claims);
  const absl::Time start = claims.not_before - leeway_;
  EXPECT_EQ(VerdictAt(token, start - tick_), "TOKEN_NOT_YET_VALID");
  EXPECT_EQ(VerdictAt(token, start), "OK");
}

TEST_P(Leeway, IssuedInTheFutureIsNotYetValid) {
  Claims claims = SampleClaims();
  claims.issued_at = kNow + absl::Minutes(5);
  const std::string token = Token(claims);
  const absl::Time start = claims.issued_at - leeway_;
  EXPECT_EQ(VerdictAt(token, start - tick_), "TOKEN_NOT_YET_VALID");
  EXPECT_EQ(VerdictAt(token, start), "OK");
  EXPECT_EQ(VerdictAt(token, absl::InfinitePast()), "TOKEN_NOT_YET_VALID");
}

TEST_P(Leeway, CheckTimesAgreesWithVerify) {
  Expected expected = SampleExpected();
  expected.leeway = leeway_;
  const TokenVerifier verifier = VerifierFor(expected);
  const Claims claims = SampleClaims();
  EXPECT_TRUE(verifier.CheckTimes(claims, kNow).ok());
  EXPECT_EQ(ReasonOf(verifier.CheckTimes(claims, claims.expires_at + leeway_)), "TOKEN_EXPIRED");
  EXPECT_EQ(ReasonOf(verifier.CheckTimes(claims, kNow - leeway_ - tick_)), "TOKEN_NOT_YET_VALID");
}

INSTANTIATE_TEST_SUITE_P(Seconds, Leeway, ::testing::Values(0, 5, 60),
                         [](const auto& test) { return std::to_string(test.param); });

TEST(TokenVerifier, FractionalTimesCountToTheFraction) {
  std::string payload = PayloadOf(SampleClaims());
  const std::string exp = std::to_string(absl::ToUnixSeconds(SampleClaims().expires_at));
  payload.replace(payload.find(exp), exp.size(), exp + ".5");
  const std::string token = Compact(HeaderFor(Key()), payload, Key());
  const absl::Time end = SampleClaims().expires_at + absl::Seconds(5.5);
  EXPECT_EQ(VerdictOn(token, SetOf(Key()), end - absl::Milliseconds(1)), "OK");
  EXPECT_EQ(VerdictOn(token, SetOf(Key()), end + absl::Milliseconds(1)), "TOKEN_EXPIRED");
}

TEST(TokenVerifier, TheIssuerMustBeTheSameByteForByte) {
  for (const char* issuer : {"https://auth.example/", "https://AUTH.example", "https://auth.exampl",
                             "https://auth.example.evil"}) {
    Claims claims = SampleClaims();
    claims.issuer = issuer;
    EXPECT_EQ(VerdictOn(Token(claims), SetOf(Key())), "TOKEN_ISSUER") << issuer;
  }
}

TEST(TokenVerifier, AnotherAudienceIsRefusedAndTheWantedOneNamed) {
  Claims claims = SampleClaims();
  claims.audience = "billing";
  const auto verified = VerifierFor(SampleExpected()).Verify(Token(claims), SetOf(Key()), kNow);
  EXPECT_EQ(ReasonOf(verified.status()), "TOKEN_AUDIENCE");
  EXPECT_NE(std::string(verified.status().message()).find("orders"), std::string::npos);
  EXPECT_EQ(std::string(verified.status().message()).find("billing"), std::string::npos);
}

TEST(TokenVerifier, WithoutAnExpectedAudienceAnyIsTaken) {
  Expected expected = SampleExpected();
  expected.audience.reset();
  Claims claims = SampleClaims();
  claims.audience = "billing";
  EXPECT_TRUE(VerifierFor(expected).Verify(Token(claims), SetOf(Key()), kNow).ok());
}

TEST(TokenVerifier, TheTypeIsAtJwtInAnyCaseAndWithItsTree) {
  for (const char* typ :
       {"at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"}) {
    const std::string header =
        R"({"alg":"ES256","kid":")" + Key().kid() + R"(","typ":")" + typ + R"("})";
    EXPECT_EQ(VerdictOn(Compact(header, PayloadOf(SampleClaims()), Key()), SetOf(Key())), "OK")
        << typ;
  }
}

TEST(TokenVerifier, EveryOtherTypeIsRefused) {
  for (const char* typ :
       {"JWT", "jwt", "at jwt", "at-jwt", "at+jwt ", " at+jwt", "application/jwt", "text/at+jwt",
        "application/ at+jwt", "rt+jwt", "id+jwt", "dpop+jwt", "application/application/at+jwt"}) {
    const std::string header =
        R"({"alg":"ES256","kid":")" + Key().kid() + R"(","typ":")" + typ + R"("})";
    EXPECT_EQ(VerdictOn(Compact(header, PayloadOf(SampleClaims()), Key()), SetOf(Key())),
              "TOKEN_TYPE")
        << typ;
  }
  const std::string none = R"({"alg":"ES256","kid":")" + Key().kid() + R"("})";
  EXPECT_EQ(VerdictOn(Compact(none, PayloadOf(SampleClaims()), Key()), SetOf(Key())), "TOKEN_TYPE");
}

// Each token is wrong in all that comes later too, and is refused for the first.
TEST(TokenVerifier, ChecksInTheDocumentedOrder) {
  const JwkSet keys = SetOf(Key());
  const std::string expired = PayloadOf([] {
    Claims claims = SampleClaims();
    claims.expires_at = kNow - absl::Hours(1);
    return claims;
  }());
  auto payload = nlohmann::json::parse(expired);
  const std::string good_header = HeaderFor(Key());
  EXPECT_EQ(VerdictOn(Compact(good_header, payload.dump(), Key()), keys), "TOKEN_EXPIRED");
  payload["aud"] = "billing";
  EXPECT_EQ(VerdictOn(Compact(good_header, payload.dump(), Key()), keys), "TOKEN_AUDIENCE");
  payload["iss"] = "evil";
  EXPECT_EQ(VerdictOn(Compact(good_header, payload.dump(), Key()), keys), "TOKEN_ISSUER");
  const std::string untyped = R"({"alg":"ES256","kid":")" + Key().kid() + R"("})";
  EXPECT_EQ(VerdictOn(Compact(untyped, payload.dump(), Key()), keys), "TOKEN_TYPE");
  EXPECT_EQ(VerdictOn(Compact(untyped, "no JSON", Key()), keys), "TOKEN_MALFORMED");
  const SigningKey other = *SigningKey::Generate(Algorithm::kEs256);
  EXPECT_EQ(VerdictOn(Compact(untyped, "no JSON", other), keys), "TOKEN_SIGNATURE");
  const std::string wrong_alg = R"({"alg":"none","kid":")" + Key().kid() + R"("})";
  EXPECT_EQ(VerdictOn(Compact(wrong_alg, "no JSON", other), keys), "TOKEN_SIGNATURE");
  EXPECT_EQ(VerdictOn(Compact(R"({"alg":"none","kid":"x"})", "no JSON", other), keys),
            "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(VerdictOn(Compact(R"({"alg":"none","kid":"x","kid":"x"})", "no JSON", other), keys),
            "TOKEN_MALFORMED");
}

TEST(TokenVerifier, WithoutKeysEveryKeyIsUnknown) {
  EXPECT_EQ(VerdictOn(Token(SampleClaims()), JwkSet()), "TOKEN_UNKNOWN_KEY");
}

TEST(TokenVerifier, MayBeUsedFromManyThreads) {
  const TokenVerifier verifier = VerifierFor(SampleExpected());
  const JwkSet keys = SetOf(Key());
  const std::string token = Token(SampleClaims());
  std::vector<int> good(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) good[t] += verifier.Verify(token, keys, kNow).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(4, 50));
}

TEST(InspectWithoutVerifying, ShowsHeaderAndPayloadOfATokenThatNobodySigned) {
  const std::string text = Base64UrlEncode(R"({"alg":"none"})") + "." +
                           Base64UrlEncode(R"({"sub":"x"})") + "." + Base64UrlEncode("nonsense");
  const auto shown = InspectWithoutVerifying(text);
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_EQ(shown->header_json, R"({"alg":"none"})");
  EXPECT_EQ(shown->payload_json, R"({"sub":"x"})");
}

TEST(InspectWithoutVerifying, RefusesWhatIsNoToken) {
  const std::string header = Base64UrlEncode(R"({"alg":"none"})");
  for (const std::string& text : {std::string(), std::string("tsr_abc"), header + ".!.",
                                  header + "." + Base64UrlEncode("[]") + ".",
                                  header + "." + Base64UrlEncode("{\"a\":\"\xff\"}") + "."})
    EXPECT_EQ(ReasonOf(InspectWithoutVerifying(text).status()), "TOKEN_MALFORMED") << text;
}

}  // namespace
}  // namespace tessera
