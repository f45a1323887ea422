#include "tessera/token/jws.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using testing::Compact;
using testing::KeyOf;

std::string WithHeader(std::string_view header) {
  return Base64UrlEncode(header) + "." + Base64UrlEncode("payload") + "." + Base64UrlEncode("sig");
}

void ExpectMalformed(std::string_view text) {
  const auto jws = ParseCompactJws(text, 4096);
  ASSERT_FALSE(jws.ok()) << text;
  EXPECT_EQ(jws.status().code(), absl::StatusCode::kUnauthenticated) << text;
  EXPECT_EQ(ReasonOf(jws.status()), "TOKEN_MALFORMED") << text;
}

TEST(CompactJws, TakesAnyPayloadAndType) {
  const std::string text = Compact(R"({"alg":"ES256"})", "no JSON", KeyOf(Algorithm::kEs256));
  const auto jws = ParseCompactJws(text, text.size());
  ASSERT_TRUE(jws.ok()) << jws.status();
  EXPECT_EQ(jws->header.alg, "ES256");
  EXPECT_EQ(jws->header.kid, "");
  EXPECT_EQ(jws->header.typ, "");
  EXPECT_EQ(jws->payload, "no JSON");
  EXPECT_EQ(jws->signature.size(), 64u);
  EXPECT_TRUE(VerifyJws(*jws, KeyOf(Algorithm::kEs256).ToVerifyKey()).ok());
}

TEST(CompactJws, SizeIsCappedToTheByte) {
  const std::string text = WithHeader(R"({"alg":"ES256"})");
  EXPECT_TRUE(ParseCompactJws(text, text.size()).ok());
  EXPECT_FALSE(ParseCompactJws(text, text.size() - 1).ok());
}

TEST(CompactJws, HasExactlyThreeParts) {
  const std::string header = Base64UrlEncode(R"({"alg":"ES256"})");
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("..."), header,
        header + ".", header + ".YQ", header + ".YQ.YQ.", header + ".YQ.YQ.YQ.YQ",
        "." + header + ".YQ"})
    ExpectMalformed(text);
}

TEST(CompactJws, AnEmptyPayloadOrSignatureIsOnlyForTheSignatureToJudge) {
  const std::string header = Base64UrlEncode(R"({"alg":"ES256"})");
  const std::string empty = header + "..";
  const auto jws = ParseCompactJws(empty, 4096);
  ASSERT_TRUE(jws.ok());
  EXPECT_FALSE(VerifyJws(*jws, KeyOf(Algorithm::kEs256).ToVerifyKey()).ok());
}

TEST(CompactJws, CriticalExtensionsAreRefused) {
  ExpectMalformed(WithHeader(R"({"alg":"ES256","crit":["exp"],"exp":1})"));
  ExpectMalformed(WithHeader(R"({"alg":"ES256","crit":["b64"],"b64":false})"));
  ExpectMalformed(WithHeader(R"({"alg":"ES256","crit":[]})"));
  ExpectMalformed(WithHeader(R"({"alg":"ES256","crit":null})"));
}

TEST(CompactJws, HeaderMembersAreStringsWithSomethingInThem) {
  for (const char* header :
       {R"({})", R"({"kid":"a"})", R"({"alg":""})", R"({"alg":null})", R"({"alg":["ES256"]})",
        R"({"alg":"ES256","kid":""})", R"({"alg":"ES256","kid":1})",
        R"({"alg":"ES256","kid":null})", R"({"alg":"ES256","typ":1})",
        R"({"alg":"ES256","typ":""})", R"({"alg":"ES256","typ":["at+jwt"]})"})
    ExpectMalformed(WithHeader(header));
}

TEST(CompactJws, KeysInTheHeaderAreNotLookedAt) {
  const SigningKey attacker = *SigningKey::Generate(Algorithm::kEs256);
  const std::string header = R"({"alg":"ES256","jku":"https://evil.example","jwk":)" +
                             attacker.ToVerifyKey().ToPublicJwk() + "}";
  const std::string text = Compact(header, "payload", attacker);
  const auto jws = ParseCompactJws(text, 4096);
  ASSERT_TRUE(jws.ok()) << jws.status();
  EXPECT_FALSE(VerifyJws(*jws, KeyOf(Algorithm::kEs256).ToVerifyKey()).ok());
}

TEST(VerifyJws, TheAlgorithmMustBeTheKeysOwn) {
  for (const Algorithm key : testing::kAllAlgorithms) {
    for (const char* alg : {"ES256", "EdDSA", "RS256", "HS256", "none", "ES512", "es256"}) {
      const std::string text =
          Compact("{\"alg\":\"" + std::string(alg) + "\"}", "payload", KeyOf(key));
      const auto jws = ParseCompactJws(text, 4096);
      ASSERT_TRUE(jws.ok());
      const absl::Status status = VerifyJws(*jws, KeyOf(key).ToVerifyKey());
      EXPECT_EQ(status.ok(), alg == AlgorithmName(key)) << alg;
      if (!status.ok()) {
        EXPECT_EQ(ReasonOf(status), "TOKEN_SIGNATURE");
      }
    }
  }
}

}  // namespace
}  // namespace tessera
