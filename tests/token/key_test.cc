#include "tessera/token/key.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tessera/base/random.h"
#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using nlohmann::json;
using testing::kAllAlgorithms;
using testing::KeyOf;

json PrivateJson(Algorithm algorithm) {
  return json::parse(KeyOf(algorithm).ToPrivateJwk().Reveal());
}
json PublicJson(Algorithm algorithm) {
  return json::parse(KeyOf(algorithm).ToVerifyKey().ToPublicJwk());
}

// The key with the members of `changes`; a null takes one away.
json With(json jwk, const json& changes) {
  for (const auto& [name, value] : changes.items()) {
    if (value.is_null()) {
      jwk.erase(name);
    } else {
      jwk[name] = value;
    }
  }
  return jwk;
}

void ExpectNoVerifyKey(const json& jwk) {
  const auto key = VerifyKey::FromJwk(jwk.dump());
  ASSERT_FALSE(key.ok()) << jwk;
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument) << jwk;
  EXPECT_EQ(ERR_peek_error(), 0u) << jwk;
}
void ExpectNoSigningKey(const json& jwk) {
  const auto key = SigningKey::FromPrivateJwk(jwk.dump());
  ASSERT_FALSE(key.ok()) << jwk;
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument) << jwk;
  EXPECT_EQ(ERR_peek_error(), 0u) << jwk;
}

TEST(SigningKey, WhatItSignsItsVerifyKeyAccepts) {
  for (const Algorithm algorithm : kAllAlgorithms) {
    const SigningKey& key = KeyOf(algorithm);
    EXPECT_EQ(key.algorithm(), algorithm);
    EXPECT_EQ(key.ToVerifyKey().algorithm(), algorithm);
    EXPECT_EQ(key.ToVerifyKey().kid(), key.kid());
    for (const std::string& message : {std::string(), std::string("text"), RandomBytes(5000)})
      EXPECT_TRUE(key.ToVerifyKey().Verify(message, *key.Sign(message)).ok());
  }
}

TEST(SigningKey, SignaturesHaveTheSizeThatJwsAsksFor) {
  for (int i = 0; i < 50; ++i) {  // r or s begins with zeros now and then
    EXPECT_EQ(KeyOf(Algorithm::kEs256).Sign("m")->size(), 64u);
  }
  EXPECT_EQ(KeyOf(Algorithm::kEdDsa).Sign("m")->size(), 64u);
  EXPECT_EQ(KeyOf(Algorithm::kRs256).Sign("m")->size(), 256u);
  EXPECT_EQ(KeyOf(Algorithm::kHs256).Sign("m")->size(), 32u);
}

TEST(SigningKey, GoesToPrivateJwkAndBack) {
  for (const Algorithm algorithm : kAllAlgorithms) {
    const SigningKey& key = KeyOf(algorithm);
    const auto again = SigningKey::FromPrivateJwk(key.ToPrivateJwk().Reveal());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->kid(), key.kid());
    EXPECT_TRUE(key.ToVerifyKey().Verify("m", *again->Sign("m")).ok());
    EXPECT_TRUE(again->ToPrivateJwk() == key.ToPrivateJwk());
  }
}

TEST(SigningKey, KidIsTheThumbprintAndRandomForASharedKey) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256})
    EXPECT_EQ(KeyOf(algorithm).kid(), KeyOf(algorithm).ToVerifyKey().Thumbprint());
  const auto one = SigningKey::Generate(Algorithm::kHs256);
  EXPECT_NE(one->kid(), one->ToVerifyKey().Thumbprint());
  EXPECT_NE(one->kid(), SigningKey::Generate(Algorithm::kHs256)->kid());
}

TEST(SigningKey, KeepsAGivenKid) {
  const json jwk = With(PrivateJson(Algorithm::kEs256), {{"kid", "mine \"\xc3\xa4\""}});
  EXPECT_EQ(SigningKey::FromPrivateJwk(jwk.dump())->kid(), "mine \"\xc3\xa4\"");
}

TEST(SigningKey, TheHalvesMustBelongTogether) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256}) {
    const json other = json::parse(SigningKey::Generate(algorithm)->ToPrivateJwk().Reveal());
    ExpectNoSigningKey(With(PrivateJson(algorithm), {{"d", other["d"]}}));
  }
}

TEST(SigningKey, PrivateMembersMustBeThereAndWhole) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256}) {
    ExpectNoSigningKey(PublicJson(algorithm));
    ExpectNoSigningKey(With(PrivateJson(algorithm), {{"d", "!"}}));
    ExpectNoSigningKey(With(PrivateJson(algorithm), {{"d", ""}}));
    ExpectNoSigningKey(With(PrivateJson(algorithm), {{"d", "AA"}}));
    ExpectNoSigningKey(With(PrivateJson(algorithm), {{"d", 5}}));
  }
  ExpectNoSigningKey(With(PrivateJson(Algorithm::kHs256), {{"k", nullptr}}));
}

TEST(SigningKey, EcScalarMustBeWithinTheGroup) {
  ExpectNoSigningKey(
      With(PrivateJson(Algorithm::kEs256), {{"d", Base64UrlEncode(std::string(32, '\0'))}}));
  ExpectNoSigningKey(
      With(PrivateJson(Algorithm::kEs256), {{"d", Base64UrlEncode(std::string(32, '\xff'))}}));
}

TEST(SigningKey, EachRsaNumberMustBeTheRightOne) {
  const json jwk = PrivateJson(Algorithm::kRs256);
  const json other = json::parse(SigningKey::Generate(Algorithm::kRs256)->ToPrivateJwk().Reveal());
  for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "n"})
    ExpectNoSigningKey(With(jwk, {{name, other[name]}}));
  ExpectNoSigningKey(With(jwk, {{"p", jwk["q"]}, {"q", jwk["p"]}}));
}

TEST(SigningKey, RsaNeedsAllOfTheRemainderMembersOrNone) {
  const json jwk = PrivateJson(Algorithm::kRs256);
  for (const char* name : {"p", "q", "dp", "dq", "qi"})
    ExpectNoSigningKey(With(jwk, {{name, nullptr}}));
  const json bare = With(
      jwk, {{"p", nullptr}, {"q", nullptr}, {"dp", nullptr}, {"dq", nullptr}, {"qi", nullptr}});
  const auto key = SigningKey::FromPrivateJwk(bare.dump());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(KeyOf(Algorithm::kRs256).ToVerifyKey().Verify("m", *key->Sign("m")).ok());
  ExpectNoSigningKey(With(jwk, {{"oth", json::array()}}));
}

TEST(SigningKey, KeyOpsMustAllowSigning) {
  const json jwk = PrivateJson(Algorithm::kEs256);
  EXPECT_TRUE(SigningKey::FromPrivateJwk(With(jwk, {{"key_ops", {"sign", "verify"}}}).dump()).ok());
  ExpectNoSigningKey(With(jwk, {{"key_ops", {"verify"}}}));
  ExpectNoSigningKey(With(jwk, {{"key_ops", {"sign", "sign"}}}));
}

TEST(VerifyKey, PublicJwkHoldsNothingPrivateAndGoesThereAndBack) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256}) {
    const json jwk = PublicJson(algorithm);
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
      EXPECT_FALSE(jwk.contains(name)) << name;
    EXPECT_EQ(jwk["alg"], AlgorithmName(algorithm));
    EXPECT_EQ(jwk["use"], "sig");
    const auto key = VerifyKey::FromJwk(jwk.dump());
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->kid(), KeyOf(algorithm).kid());
    EXPECT_EQ(key->ToPublicJwk(), KeyOf(algorithm).ToVerifyKey().ToPublicJwk());
    EXPECT_TRUE(key->Verify("m", *KeyOf(algorithm).Sign("m")).ok());
  }
}

TEST(VerifyKey, ASharedKeyIsNeverPublished) {
  EXPECT_EQ(KeyOf(Algorithm::kHs256).ToVerifyKey().ToPublicJwk(), "");
}

TEST(VerifyKey, PrivateMembersAreIgnoredAndDoNotComeOutAgain) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256}) {
    const auto key = VerifyKey::FromJwk(KeyOf(algorithm).ToPrivateJwk().Reveal());
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->ToPublicJwk(), KeyOf(algorithm).ToVerifyKey().ToPublicJwk());
    // Not even looked at.
    EXPECT_TRUE(VerifyKey::FromJwk(With(PublicJson(algorithm), {{"d", 5}}).dump()).ok());
  }
}

TEST(VerifyKey, WithoutKidItsThumbprintIsItsName) {
  const json jwk = With(PublicJson(Algorithm::kEs256), {{"kid", nullptr}});
  EXPECT_EQ(VerifyKey::FromJwk(jwk.dump())->kid(), KeyOf(Algorithm::kEs256).kid());
}

TEST(VerifyKey, ASharedKeyMustBringItsKid) {
  ExpectNoVerifyKey(With(PrivateJson(Algorithm::kHs256), {{"kid", nullptr}}));
}

TEST(VerifyKey, KidIsATextOfLimitedLength) {
  const json jwk = PublicJson(Algorithm::kEs256);
  ExpectNoVerifyKey(With(jwk, {{"kid", ""}}));
  ExpectNoVerifyKey(With(jwk, {{"kid", 5}}));
  EXPECT_TRUE(VerifyKey::FromJwk(With(jwk, {{"kid", std::string(256, 'k')}}).dump()).ok());
  ExpectNoVerifyKey(With(jwk, {{"kid", std::string(257, 'k')}}));
}

TEST(VerifyKey, ContradictionsAreRefused) {
  const json jwk = PublicJson(Algorithm::kEs256);
  for (const char* alg : {"ES384", "RS256", "HS256", "none", "es256", ""})
    ExpectNoVerifyKey(With(jwk, {{"alg", alg}}));
  ExpectNoVerifyKey(With(jwk, {{"alg", 5}}));
  for (const char* use : {"enc", "SIG", ""}) ExpectNoVerifyKey(With(jwk, {{"use", use}}));
  ExpectNoVerifyKey(With(jwk, {{"use", json::array({"sig"})}}));
  ExpectNoVerifyKey(With(jwk, {{"key_ops", {"sign"}}}));
  ExpectNoVerifyKey(With(jwk, {{"key_ops", json::array()}}));
  ExpectNoVerifyKey(With(jwk, {{"key_ops", {"verify", "verify"}}}));
  ExpectNoVerifyKey(With(jwk, {{"key_ops", "verify"}}));
  ExpectNoVerifyKey(With(jwk, {{"key_ops", {"verify", 1}}}));
  EXPECT_TRUE(VerifyKey::FromJwk(With(jwk, {{"key_ops", {"verify"}}}).dump()).ok());
  ExpectNoVerifyKey(With(PublicJson(Algorithm::kRs256), {{"alg", "PS256"}}));
}

TEST(VerifyKey, OtherTypesAndCurvesAreRefused) {
  const json ec = PublicJson(Algorithm::kEs256), okp = PublicJson(Algorithm::kEdDsa);
  for (const char* crv : {"P-384", "P-521", "secp256k1", "p-256", ""})
    ExpectNoVerifyKey(With(ec, {{"crv", crv}}));
  for (const char* crv : {"Ed448", "X25519", "P-256"}) ExpectNoVerifyKey(With(okp, {{"crv", crv}}));
  for (const char* kty : {"OKP", "RSA", "oct", "ec", "AKP", ""})
    ExpectNoVerifyKey(With(ec, {{"kty", kty}}));
  ExpectNoVerifyKey(With(ec, {{"kty", nullptr}}));
  ExpectNoVerifyKey(With(ec, {{"crv", nullptr}}));
  ExpectNoVerifyKey(With(ec, {{"kty", 1}}));
}

TEST(VerifyKey, APointOffTheCurveIsRefused) {
  const json jwk = PublicJson(Algorithm::kEs256);
  std::string x = *Base64UrlDecode(jwk["x"].get<std::string>());
  x[31] = static_cast<char>(x[31] ^ 1);
  ExpectNoVerifyKey(With(jwk, {{"x", Base64UrlEncode(x)}}));
  ExpectNoVerifyKey(With(jwk, {{"x", jwk["y"]}, {"y", jwk["x"]}}));
  ExpectNoVerifyKey(With(jwk, {{"x", Base64UrlEncode(std::string(32, '\0'))},
                               {"y", Base64UrlEncode(std::string(32, '\0'))}}));
  ExpectNoVerifyKey(With(jwk, {{"x", Base64UrlEncode(std::string(32, '\xff'))}}));
}

TEST(VerifyKey, CoordinatesHaveExactly32Bytes) {
  const json ec = PublicJson(Algorithm::kEs256), okp = PublicJson(Algorithm::kEdDsa);
  for (const json& jwk : {ec, okp}) {
    const std::string x = *Base64UrlDecode(jwk["x"].get<std::string>());
    ExpectNoVerifyKey(With(jwk, {{"x", Base64UrlEncode(x.substr(1))}}));
    ExpectNoVerifyKey(With(jwk, {{"x", Base64UrlEncode(std::string(1, '\0') + x)}}));
    ExpectNoVerifyKey(With(jwk, {{"x", jwk["x"].get<std::string>() + "="}}));
    ExpectNoVerifyKey(With(jwk, {{"x", nullptr}}));
  }
  ExpectNoVerifyKey(With(ec, {{"y", nullptr}}));
}

std::string Odd(size_t bytes, char first) {
  std::string number = RandomBytes(bytes);
  number[0] = first;
  number.back() = static_cast<char>(number.back() | 1);
  return Base64UrlEncode(number);
}

TEST(VerifyKey, RsaOfTooFewOrTooManyBitsIsRefused) {
  const json jwk = PublicJson(Algorithm::kRs256);
  ExpectNoVerifyKey(With(jwk, {{"n", Odd(128, '\xc1')}}));  // 1,024 bits
  ExpectNoVerifyKey(With(jwk, {{"n", Odd(256, '\x7f')}}));  // 2,047
  ExpectNoVerifyKey(With(jwk, {{"n", Odd(513, '\x01')}}));  // 4,097
  ExpectNoVerifyKey(With(jwk, {{"n", Odd(1024, '\xc1')}}));
}

TEST(VerifyKey, RsaNumbersMustBeSound) {
  const json jwk = PublicJson(Algorithm::kRs256);
  std::string n = *Base64UrlDecode(jwk["n"].get<std::string>());
  ExpectNoVerifyKey(With(jwk, {{"n", Base64UrlEncode(std::string(1, '\0') + n)}}));
  n.back() = static_cast<char>(n.back() & 0xfe);
  ExpectNoVerifyKey(With(jwk, {{"n", Base64UrlEncode(n)}}));
  ExpectNoVerifyKey(With(jwk, {{"n", Base64UrlEncode(std::string(256, '\xff'))}}));  // has factor 3
}

TEST(VerifyKey, RsaExponentIsOddAndFrom65537) {
  const json jwk = PublicJson(Algorithm::kRs256);
  for (const char* e : {"AQ", "Aw", "Dw", "__8", "AQAA", "AAEAAQ", "", "!"})
    ExpectNoVerifyKey(With(jwk, {{"e", e}}));
  ExpectNoVerifyKey(With(jwk, {{"e", Odd(9, '\x01')}}));
  ExpectNoVerifyKey(With(jwk, {{"e", nullptr}}));
  EXPECT_TRUE(VerifyKey::FromJwk(With(jwk, {{"e", "AQAD"}}).dump()).ok());
}

TEST(VerifyKey, ASharedKeyHas32To512Bytes) {
  const json jwk = PrivateJson(Algorithm::kHs256);
  for (const size_t size : {0u, 1u, 31u, 513u})
    ExpectNoVerifyKey(With(jwk, {{"k", Base64UrlEncode(std::string(size, 'k'))}}));
  for (const size_t size : {32u, 512u})
    EXPECT_TRUE(
        VerifyKey::FromJwk(With(jwk, {{"k", Base64UrlEncode(std::string(size, 'k'))}}).dump())
            .ok());
}

TEST(VerifyKey, AMemberTwiceIsRefused) {
  std::string text = PublicJson(Algorithm::kEs256).dump();
  text.pop_back();
  EXPECT_FALSE(VerifyKey::FromJwk(text + R"(,"kid":"other"})").ok());
  EXPECT_FALSE(VerifyKey::FromJwk(text + R"(,"note":1,"note":1})").ok());
  EXPECT_TRUE(VerifyKey::FromJwk(text + R"(,"note":1})").ok());
}

TEST(VerifyKey, WhatIsNoObjectOrTooLargeIsRefused) {
  for (const char* text : {"", "[]", "null", "{", "{}", "{\"keys\":[]}"})
    EXPECT_EQ(VerifyKey::FromJwk(text).status().code(), absl::StatusCode::kInvalidArgument);
  const json jwk = With(PublicJson(Algorithm::kEs256), {{"note", std::string(20'000, 'x')}});
  ExpectNoVerifyKey(jwk);
}

TEST(VerifyKey, ErrorsTellNothingOfTheKey) {
  const json jwk = With(PrivateJson(Algorithm::kHs256), {{"use", "enc"}});
  const auto key = VerifyKey::FromJwk(jwk.dump());
  EXPECT_EQ(key.status().ToString().find(jwk["k"].get<std::string>()), std::string::npos);
}

TEST(VerifyKey, AnyBitFlippedIsRefused) {
  for (const Algorithm algorithm : kAllAlgorithms) {
    const VerifyKey key = KeyOf(algorithm).ToVerifyKey();
    const std::string good = *KeyOf(algorithm).Sign("message");
    for (size_t i = 0; i < good.size(); i += 7) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      const absl::Status status = key.Verify("message", bad);
      EXPECT_EQ(ReasonOf(status), "TOKEN_SIGNATURE");
      EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    }
    EXPECT_FALSE(key.Verify("Message", good).ok());
    EXPECT_FALSE(key.Verify("", good).ok());
  }
}

TEST(VerifyKey, ASignatureOfAnyOtherLengthIsRefused) {
  for (const Algorithm algorithm : kAllAlgorithms) {
    const VerifyKey key = KeyOf(algorithm).ToVerifyKey();
    const std::string good = *KeyOf(algorithm).Sign("m");
    for (size_t size = 0; size < good.size(); size += size < 70 ? 1 : 13)
      EXPECT_FALSE(key.Verify("m", good.substr(0, size)).ok()) << size;
    EXPECT_FALSE(key.Verify("m", good + '\0').ok());
    EXPECT_FALSE(key.Verify("m", std::string(1, '\0') + good).ok());
    EXPECT_FALSE(key.Verify("m", good + good).ok());
  }
}

TEST(VerifyKey, LeavesNoErrorInOpenSslsQueue) {
  ERR_clear_error();
  for (const Algorithm algorithm : kAllAlgorithms) {
    const VerifyKey key = KeyOf(algorithm).ToVerifyKey();
    EXPECT_FALSE(key.Verify("m", std::string(64, '\xff')).ok());
    EXPECT_FALSE(key.Verify("m", std::string(256, '\xff')).ok());
    EXPECT_FALSE(key.Verify("m", "").ok());
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

TEST(VerifyKey, LeavesTheCallersOwnErrorsWhereTheyWere) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 1);
  EXPECT_FALSE(KeyOf(Algorithm::kEs256).ToVerifyKey().Verify("m", std::string(64, 1)).ok());
  EXPECT_NE(ERR_peek_error(), 0u);
  ERR_clear_error();
}

// Wycheproof's families of edge cases, by hand: r and s out of range, and the DER of a good one.
TEST(VerifyKey, Es256PairsOutOfRangeAreRefused) {
  const VerifyKey key = KeyOf(Algorithm::kEs256).ToVerifyKey();
  const std::string good = *KeyOf(Algorithm::kEs256).Sign("m");
  const std::string zero(32, '\0'), ones(32, '\xff');
  std::string one = zero;
  one[31] = 1;
  const std::string order(  // of the group, SEC 2 section 2.4.2
      "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
      "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
      32);
  const std::string r = good.substr(0, 32), s = good.substr(32);
  for (const std::string& bad : {zero, one, ones, order}) {
    EXPECT_FALSE(key.Verify("m", bad + s).ok());
    EXPECT_FALSE(key.Verify("m", r + bad).ok());
    EXPECT_FALSE(key.Verify("m", bad + bad).ok());
  }
  EXPECT_FALSE(key.Verify("m", s + r).ok());
}

TEST(VerifyKey, Es256InDerIsRefused) {
  const VerifyKey key = KeyOf(Algorithm::kEs256).ToVerifyKey();
  std::string r, s;
  do {  // positive as they stand, so that the DER is simple
    const std::string good = *KeyOf(Algorithm::kEs256).Sign("m");
    r = good.substr(0, 32);
    s = good.substr(32);
  } while ((r[0] & 0x80) != 0 || (s[0] & 0x80) != 0 || r[0] == 0 || s[0] == 0);
  ASSERT_TRUE(key.Verify("m", r + s).ok());
  EXPECT_FALSE(key.Verify("m", "\x30\x44\x02\x20" + r + "\x02\x20" + s).ok());
}

TEST(VerifyKey, Es256WorksWithLeadingZerosInRAndS) {
  const VerifyKey key = KeyOf(Algorithm::kEs256).ToVerifyKey();
  int seen = 0;
  for (int i = 0; i < 4000 && seen < 2; ++i) {
    const std::string message = std::to_string(i);
    const std::string signature = *KeyOf(Algorithm::kEs256).Sign(message);
    if (signature[0] != 0 && signature[32] != 0) continue;
    ++seen;
    EXPECT_TRUE(key.Verify(message, signature).ok());
  }
  EXPECT_EQ(seen, 2);  // one in 128 has some
}

TEST(Keys, MayBeUsedFromManyThreads) {
  for (const Algorithm algorithm : kAllAlgorithms) {
    const SigningKey& key = KeyOf(algorithm);
    const VerifyKey verify_key = key.ToVerifyKey();
    std::vector<std::thread> threads;
    std::vector<int> good(4, 0);
    for (size_t t = 0; t < good.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          const std::string message = std::to_string(t) + "." + std::to_string(i);
          good[t] += verify_key.Verify(message, *key.Sign(message)).ok() ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, std::vector<int>(4, 25));
  }
}

}  // namespace
}  // namespace tessera
