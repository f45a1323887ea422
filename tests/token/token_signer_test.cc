#include "tessera/token/token_signer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using testing::KeyOf;
using testing::SampleClaims;

TEST(SignAccessToken, WritesTheHeaderOfRfc9068) {
  for (const Algorithm algorithm : testing::kAllAlgorithms) {
    const auto token = SignAccessToken(SampleClaims(), KeyOf(algorithm));
    ASSERT_TRUE(token.ok()) << token.status();
    const auto shown = InspectWithoutVerifying(token->Reveal());
    const auto header = nlohmann::json::parse(shown->header_json);
    EXPECT_EQ(header.size(), 3u);
    EXPECT_EQ(header["alg"], AlgorithmName(algorithm));
    EXPECT_EQ(header["kid"], KeyOf(algorithm).kid());
    EXPECT_EQ(header["typ"], "at+jwt");
    EXPECT_EQ(shown->payload_json, *ClaimsToJson(SampleClaims()));
  }
}

TEST(SignAccessToken, EscapesTheKid) {
  auto jwk = nlohmann::json::parse(KeyOf(Algorithm::kEs256).ToPrivateJwk().Reveal());
  jwk["kid"] = "a\"b\xc3\xa4";
  const SigningKey key = *SigningKey::FromPrivateJwk(jwk.dump());
  const auto token = SignAccessToken(SampleClaims(), key);
  EXPECT_EQ(testing::VerdictOn(token->Reveal(), testing::SetOf(key)), "OK");
}

TEST(SignAccessToken, UpToTheCapAndNoByteMore) {
  Claims claims = SampleClaims();
  size_t longest = 0;
  for (size_t size = 2000; size < 3000; ++size) {
    claims.subject = std::string(size, 's');
    const auto token = SignAccessToken(claims, KeyOf(Algorithm::kEs256));
    if (token.ok()) {
      longest = token->Reveal().size();
      EXPECT_LE(longest, kMaxTokenBytes);
      continue;
    }
    EXPECT_EQ(token.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(token.status()), "TOKEN_TOO_LARGE");
    break;
  }
  EXPECT_GE(longest, kMaxTokenBytes - 1);  // one byte more of subject is one or two of token
}

TEST(SignAccessToken, WhatCannotBeWrittenIsNotSigned) {
  Claims claims = SampleClaims();
  claims.subject = "\xff";
  EXPECT_EQ(SignAccessToken(claims, KeyOf(Algorithm::kEs256)).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace tessera
