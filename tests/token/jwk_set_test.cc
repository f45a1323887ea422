#include "tessera/token/jwk_set.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using nlohmann::json;
using testing::KeyOf;

json PublicJson(Algorithm algorithm) {
  return json::parse(KeyOf(algorithm).ToVerifyKey().ToPublicJwk());
}
json SetJson(const std::vector<json>& keys) { return json{{"keys", keys}}; }

void ExpectRefused(std::string_view text) {
  EXPECT_EQ(JwkSet::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
}

// `count` keys that differ in their `kid` only.
std::vector<VerifyKey> Many(size_t count) {
  std::vector<VerifyKey> keys;
  for (size_t i = 0; i < count; ++i) {
    json jwk = PublicJson(Algorithm::kEdDsa);
    jwk["kid"] = std::to_string(i);
    keys.push_back(*VerifyKey::FromJwk(jwk.dump()));
  }
  return keys;
}

TEST(JwkSet, FindsAKeyByItsKidOnly) {
  const JwkSet set =
      *JwkSet::Of({KeyOf(Algorithm::kEs256).ToVerifyKey(), KeyOf(Algorithm::kEdDsa).ToVerifyKey()});
  ASSERT_NE(set.Find(KeyOf(Algorithm::kEdDsa).kid()), nullptr);
  EXPECT_EQ(set.Find(KeyOf(Algorithm::kEdDsa).kid())->algorithm(), Algorithm::kEdDsa);
  EXPECT_EQ(set.Find("unknown"), nullptr);
  EXPECT_EQ(set.Find(""), nullptr);
  EXPECT_EQ(set.Find(KeyOf(Algorithm::kEs256).kid().substr(1)), nullptr);
}

TEST(JwkSet, EmptyHoldsNothing) {
  EXPECT_TRUE(JwkSet().empty());
  EXPECT_EQ(JwkSet().Find("a"), nullptr);
  EXPECT_EQ(JwkSet().ToJson(), R"({"keys":[]})");
  EXPECT_TRUE(JwkSet::Parse(R"({"keys":[]})")->empty());
}

TEST(JwkSet, GoesToJsonAndBack) {
  const JwkSet set =
      *JwkSet::Of({KeyOf(Algorithm::kEs256).ToVerifyKey(), KeyOf(Algorithm::kEdDsa).ToVerifyKey(),
                   KeyOf(Algorithm::kRs256).ToVerifyKey()});
  const auto again = JwkSet::Parse(set.ToJson());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->keys().size(), 3u);
  EXPECT_EQ(again->ToJson(), set.ToJson());
}

TEST(JwkSet, ASharedKeyIsNeverWritten) {
  const JwkSet set =
      *JwkSet::Of({KeyOf(Algorithm::kHs256).ToVerifyKey(), KeyOf(Algorithm::kEs256).ToVerifyKey()});
  const json written = json::parse(set.ToJson());
  ASSERT_EQ(written["keys"].size(), 1u);
  EXPECT_EQ(written["keys"][0]["kty"], "EC");
  EXPECT_EQ(set.ToJson().find("oct"), std::string::npos);
  EXPECT_EQ(set.ToJson().find(KeyOf(Algorithm::kHs256).kid()), std::string::npos);
}

TEST(JwkSet, ASharedKeyMayBeRead) {
  const std::string jwk(KeyOf(Algorithm::kHs256).ToPrivateJwk().Reveal());
  const auto set = JwkSet::Parse("{\"keys\":[" + jwk + "]}");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_NE(set->Find(KeyOf(Algorithm::kHs256).kid()), nullptr);
}

TEST(JwkSet, KeysThatWeCannotUseAreLeftOut) {
  json encrypting = PublicJson(Algorithm::kRs256);
  encrypting["use"] = "enc";
  encrypting.erase("alg");
  json off_curve = PublicJson(Algorithm::kEs256);
  off_curve["x"] = off_curve["y"];
  const json set = SetJson({{{"kty", "AKP"}, {"kid", "1"}},
                            {{"kty", "EC"}, {"crv", "P-521"}, {"x", "AA"}, {"y", "AA"}},
                            {{"kty", "OKP"}, {"crv", "X25519"}, {"x", "AA"}},
                            json::object(),
                            encrypting,
                            off_curve,
                            PublicJson(Algorithm::kEdDsa)});
  const auto parsed = JwkSet::Parse(set.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->keys().size(), 1u);
  EXPECT_EQ(parsed->keys()[0].algorithm(), Algorithm::kEdDsa);
}

TEST(JwkSet, OneKidTwiceIsRefused) {
  json other = PublicJson(Algorithm::kEdDsa);
  other["kid"] = KeyOf(Algorithm::kEs256).kid();
  ExpectRefused(SetJson({PublicJson(Algorithm::kEs256), other}).dump());
  ExpectRefused(SetJson({PublicJson(Algorithm::kEs256), PublicJson(Algorithm::kEs256)}).dump());
  EXPECT_FALSE(
      JwkSet::Of({KeyOf(Algorithm::kEs256).ToVerifyKey(), KeyOf(Algorithm::kEs256).ToVerifyKey()})
          .ok());
}

TEST(JwkSet, NumberOfKeysIsCapped) {
  EXPECT_TRUE(JwkSet::Of(Many(JwkSet::kMaxKeys)).ok());
  EXPECT_FALSE(JwkSet::Of(Many(JwkSet::kMaxKeys + 1)).ok());
  std::vector<json> keys;
  for (size_t i = 0; i <= JwkSet::kMaxKeys; ++i) {
    keys.push_back(PublicJson(Algorithm::kEdDsa));
    keys.back()["kid"] = std::to_string(i);
  }
  ExpectRefused(SetJson(keys).dump());
  keys.pop_back();
  EXPECT_TRUE(JwkSet::Parse(SetJson(keys).dump()).ok());
}

TEST(JwkSet, SizeIsCapped) {
  std::string text = SetJson({PublicJson(Algorithm::kEs256)}).dump();
  text.append(JwkSet::kMaxBytes - text.size(), ' ');
  EXPECT_TRUE(JwkSet::Parse(text).ok());
  EXPECT_FALSE(JwkSet::Parse(text + " ").ok());
}

TEST(JwkSet, WhatIsNoSetIsRefused) {
  for (const char* text :
       {"", "null", "[]", "{}", R"({"keys":{}})", R"({"keys":null})", R"({"keys":[1]})",
        R"({"keys":["x"]})", R"({"keys":[[]]})", R"({"keys":[],"keys":[]})", R"({"keys":[]}x)"})
    ExpectRefused(text);
  ExpectRefused(PublicJson(Algorithm::kEs256).dump());
}

TEST(JwkSet, AMemberTwiceInAKeyIsRefused) {
  ExpectRefused(R"({"keys":[{"kty":"AKP","kid":"a","kid":"b"}]})");
}

TEST(JwkSet, OtherMembersAreIgnored) {
  json set = SetJson({PublicJson(Algorithm::kEs256)});
  set["ttl"] = 300;
  EXPECT_EQ(JwkSet::Parse(set.dump())->keys().size(), 1u);
}

}  // namespace
}  // namespace tessera
