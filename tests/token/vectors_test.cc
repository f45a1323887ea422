// The examples that the RFCs print: see tests/vectors/README.md.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tessera/token/jws.h"
#include "tessera/token/key.h"
#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using nlohmann::json;

json Load(const std::string& name) {
  std::ifstream file(std::string(TESSERA_VECTORS_DIR) + "/" + name);
  return json::parse(file);
}

// An `oct` key must bring a `kid` here; the one of RFC 7515 A.1 has none.
std::string KeyText(json jwk) {
  if (jwk["kty"] == "oct" && !jwk.contains("kid")) jwk["kid"] = "shared";
  return jwk.dump();
}

std::string SigningInputOf(const std::string& jws) { return jws.substr(0, jws.rfind('.')); }
std::string SignatureOf(const std::string& jws) { return jws.substr(jws.rfind('.') + 1); }

class Rfc : public ::testing::TestWithParam<const char*> {};

TEST_P(Rfc, SignaturesOfOurAlgorithmsFitAndOthersAreRefused) {
  const json examples = Load(GetParam());
  ASSERT_FALSE(examples.empty());
  for (const json& example : examples) {
    const std::string text = example["jws"];
    const auto jws = ParseCompactJws(text, 4096);
    ASSERT_TRUE(jws.ok()) << example["section"] << jws.status();
    EXPECT_EQ(AlgorithmFromName(jws->header.alg).has_value(), example["accepted"].get<bool>());
    if (example["jwk"].is_null()) continue;
    const auto key = VerifyKey::FromJwk(KeyText(example["jwk"]));
    const bool accepted = key.ok() && VerifyJws(*jws, *key).ok();
    EXPECT_EQ(accepted, example["accepted"].get<bool>()) << example["section"];
  }
}

TEST_P(Rfc, NoKeyOfOursAcceptsWhatMustBeRefused) {
  for (const json& example : Load(GetParam())) {
    if (example["accepted"]) continue;
    const std::string text = example["jws"];
    for (const Algorithm algorithm : testing::kAllAlgorithms) {
      const VerifyKey key = testing::KeyOf(algorithm).ToVerifyKey();
      EXPECT_EQ(ReasonOf(VerifyJws(*ParseCompactJws(text, 4096), key)), "TOKEN_SIGNATURE");
    }
    EXPECT_FALSE(testing::VerdictOn(text, testing::SetOf(testing::KeyOf(Algorithm::kEs256))) ==
                 "OK");
  }
}

TEST_P(Rfc, DeterministicSignaturesComeOutTheSame) {
  for (const json& example : Load(GetParam())) {
    if (!example["accepted"] || !example["deterministic"]) continue;
    const std::string text = example["jws"];
    const auto key = SigningKey::FromPrivateJwk(KeyText(example["jwk"]));
    ASSERT_TRUE(key.ok()) << example["section"] << key.status();
    EXPECT_EQ(Base64UrlEncode(*key->Sign(SigningInputOf(text))), SignatureOf(text))
        << example["section"];
  }
}

TEST_P(Rfc, OneCharacterOfTheSignatureChangedIsRefused) {
  for (const json& example : Load(GetParam())) {
    if (!example["accepted"]) continue;
    std::string text = example["jws"];
    char& changed = text[text.rfind('.') + 1];
    changed = changed == 'A' ? 'B' : 'A';
    const auto key = VerifyKey::FromJwk(KeyText(example["jwk"]));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_FALSE(VerifyJws(*ParseCompactJws(text, 4096), *key).ok()) << example["section"];
  }
}

INSTANTIATE_TEST_SUITE_P(Published, Rfc,
                         ::testing::Values("rfc7515.json", "rfc7520.json", "rfc8037.json"),
                         [](const auto& test) { return std::string(test.param).substr(0, 7); });

TEST(Rfc7638, ThumbprintsAreThePublishedOnes) {
  const json examples = Load("thumbprints.json");
  ASSERT_EQ(examples.size(), 2u);
  for (const json& example : examples) {
    const auto key = VerifyKey::FromJwk(example["jwk"].dump());
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->Thumbprint(), example["thumbprint"]) << example["section"];
  }
}

}  // namespace
}  // namespace tessera
