#include "server/auth/known_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/token/token_signer.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kLife = absl::Minutes(15);

std::shared_ptr<const JwkSet> SetOf(const SigningKey& key) {
  return std::make_shared<const JwkSet>(Require(JwkSet::Of({key.ToVerifyKey()})));
}

TokenVerifier VerifierWith(absl::Duration leeway) {
  Expected expected;
  expected.issuer = "https://auth.test";
  expected.leeway = leeway;
  return Require(TokenVerifier::Create(std::move(expected)));
}

class KnownTokensTest : public ::testing::Test {
 protected:
  static std::string NewToken(const SigningKey& key, const std::string& id = "tok_1") {
    Claims claims;
    claims.issuer = "https://auth.test";
    claims.subject = "usr_1";
    claims.audience = "orders";
    claims.client_id = "tessera";
    claims.token_id = TokenId(id);
    claims.issued_at = claims.not_before = kNow;
    claims.expires_at = kNow + kLife;
    return std::string(Require(SignAccessToken(claims, key)).Reveal());
  }

  const SigningKey key_ = Require(SigningKey::Generate(Algorithm::kEs256));
  const std::shared_ptr<const JwkSet> keys_ = SetOf(key_);
  const TokenVerifier strict_ = VerifierWith(absl::Seconds(5));
  const TokenVerifier lenient_ = VerifierWith(absl::Seconds(60));
  const std::string token_ = NewToken(key_);
  KnownTokens known_;
};

TEST_F(KnownTokensTest, ATokenIsVerifiedOnceWithTheSameKeys) {
  const auto first = Require(known_.Verify(strict_, token_, keys_, kNow));
  EXPECT_EQ(first->token.claims().subject, "usr_1");
  EXPECT_EQ(Require(known_.Verify(strict_, token_, keys_, kNow)), first);
  EXPECT_EQ(Require(known_.Verify(lenient_, token_, keys_, kNow)), first);
}

TEST_F(KnownTokensTest, OtherKeysMeanVerifyingAnew) {
  Require(known_.Verify(strict_, token_, keys_, kNow).status());
  const auto others = SetOf(Require(SigningKey::Generate(Algorithm::kEs256)));
  EXPECT_EQ(Reason(known_.Verify(strict_, token_, others, kNow)), "TOKEN_UNKNOWN_KEY");
  const auto same_again = SetOf(key_);
  EXPECT_EQ(Require(known_.Verify(strict_, token_, same_again, kNow))->keys, same_again);
}

TEST_F(KnownTokensTest, AKnownTokenExpiresAsTheVerifierHasIt) {
  Require(known_.Verify(strict_, token_, keys_, kNow).status());
  const absl::Time end = kNow + kLife + absl::Seconds(5);
  EXPECT_EQ(Reason(known_.Verify(strict_, token_, keys_, end - absl::Nanoseconds(1))), "OK");
  EXPECT_EQ(Reason(known_.Verify(strict_, token_, keys_, end)), "TOKEN_EXPIRED");
  EXPECT_EQ(Reason(known_.Verify(lenient_, token_, keys_, end)), "OK");
  EXPECT_EQ(Reason(known_.Verify(strict_, token_, keys_, kNow - absl::Seconds(6))),
            "TOKEN_NOT_YET_VALID");
}

TEST_F(KnownTokensTest, OnlyTheWholeTokenIsKnown) {
  Require(known_.Verify(strict_, token_, keys_, kNow).status());
  std::string other = token_;
  other[token_.find('.') + 5] = other[token_.find('.') + 5] == 'A' ? 'B' : 'A';
  EXPECT_EQ(Reason(known_.Verify(strict_, other, keys_, kNow)), "TOKEN_SIGNATURE");
}

TEST_F(KnownTokensTest, WhatIsRefusedIsNotKept) {
  const std::string forged = NewToken(Require(SigningKey::Generate(Algorithm::kEs256)));
  EXPECT_FALSE(known_.Verify(strict_, forged, keys_, kNow).ok());
  EXPECT_FALSE(known_.Verify(strict_, "a.b.c", keys_, kNow).ok());
  EXPECT_EQ(known_.size(), 0u);
  Require(known_.Verify(strict_, token_, keys_, kNow).status());
  known_.Forget(token_);
  EXPECT_EQ(known_.size(), 0u);
}

TEST_F(KnownTokensTest, TheOldestGoWhenTheBytesAreSpent) {
  KnownTokens few(64 << 10);
  for (int i = 0; i < 200; ++i) {
    const std::string token = NewToken(key_, "tok_" + std::to_string(i));
    Require(few.Verify(strict_, token, keys_, kNow).status());
  }
  EXPECT_GT(few.size(), 0u);
  EXPECT_LT(few.size(), 64u);
}

}  // namespace
}  // namespace tessera::server
