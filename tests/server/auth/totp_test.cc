#include "server/auth/totp.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tessera::server {
namespace {

// RFC 6238 appendix B: the digits `1234567890` over and over, as long as the hash.
Secret VectorSecret(TotpAlgorithm algorithm) {
  std::string text;
  while (text.size() < TotpSecretBytes(algorithm)) text += "1234567890";
  return Secret(text.substr(0, TotpSecretBytes(algorithm)));
}

struct Vector {
  int64_t seconds;
  TotpAlgorithm algorithm;
  std::string code;
};

TEST(Totp, MakesTheCodesOfRfc6238) {
  const std::vector<Vector> vectors = {
      {59, TotpAlgorithm::kSha1, "94287082"},
      {59, TotpAlgorithm::kSha256, "46119246"},
      {59, TotpAlgorithm::kSha512, "90693936"},
      {1111111109, TotpAlgorithm::kSha1, "07081804"},
      {1111111109, TotpAlgorithm::kSha256, "68084774"},
      {1111111109, TotpAlgorithm::kSha512, "25091201"},
      {1111111111, TotpAlgorithm::kSha1, "14050471"},
      {1111111111, TotpAlgorithm::kSha256, "67062674"},
      {1111111111, TotpAlgorithm::kSha512, "99943326"},
      {1234567890, TotpAlgorithm::kSha1, "89005924"},
      {1234567890, TotpAlgorithm::kSha256, "91819424"},
      {1234567890, TotpAlgorithm::kSha512, "93441116"},
      {2000000000, TotpAlgorithm::kSha1, "69279037"},
      {2000000000, TotpAlgorithm::kSha256, "90698825"},
      {2000000000, TotpAlgorithm::kSha512, "38618901"},
      {20000000000, TotpAlgorithm::kSha1, "65353130"},
      {20000000000, TotpAlgorithm::kSha256, "77737706"},
      {20000000000, TotpAlgorithm::kSha512, "47863826"},
  };
  for (const Vector& vector : vectors) {
    TotpParameters parameters;
    parameters.algorithm = vector.algorithm;
    parameters.digits = 8;
    const int64_t step = TotpStepAt(absl::FromUnixSeconds(vector.seconds), parameters.period);
    const Secret secret = VectorSecret(vector.algorithm);
    EXPECT_EQ(TotpCode(secret, parameters, step).Reveal(), vector.code) << vector.seconds;
    parameters.digits = 6;  // the last six of them
    EXPECT_EQ(TotpCode(secret, parameters, step).Reveal(), vector.code.substr(2));
  }
}

class TotpWindow : public ::testing::Test {
 protected:
  std::optional<int64_t> Find(int64_t step, int drift) {
    return FindTotpStep(secret_, parameters_, TotpCode(secret_, parameters_, step), now_, drift);
  }

  const Secret secret_ = VectorSecret(TotpAlgorithm::kSha1);
  const TotpParameters parameters_ = {};
  const absl::Time now_ = absl::FromUnixSeconds(1'234'567'890);
  const int64_t middle_ = TotpStepAt(now_, parameters_.period);
};

TEST_F(TotpWindow, ReachesAsFarAsTheDriftAndNoFurther) {
  EXPECT_EQ(Find(middle_, 0), middle_);
  EXPECT_EQ(Find(middle_ - 1, 0), std::nullopt);
  EXPECT_EQ(Find(middle_ + 1, 0), std::nullopt);
  EXPECT_EQ(Find(middle_ - 1, 1), middle_ - 1);
  EXPECT_EQ(Find(middle_ + 1, 1), middle_ + 1);
  EXPECT_EQ(Find(middle_ - 2, 1), std::nullopt);
  EXPECT_EQ(Find(middle_ + 2, 1), std::nullopt);
}

TEST_F(TotpWindow, AStepEndsWhereTheNextBegins) {
  EXPECT_EQ(TotpStepAt(absl::FromUnixSeconds(29), absl::Seconds(30)), 0);
  EXPECT_EQ(TotpStepAt(absl::FromUnixSeconds(30), absl::Seconds(30)), 1);
  EXPECT_EQ(TotpStepAt(absl::FromUnixSeconds(89), absl::Seconds(90)), 0);
}

TEST_F(TotpWindow, WhatIsNoCodeFitsNothing) {
  const std::string right(TotpCode(secret_, parameters_, middle_).Reveal());
  for (const std::string& typed : {std::string(), right.substr(1), right + "0", "0" + right,
                                   " " + right, std::string(6, 'x')}) {
    EXPECT_EQ(FindTotpStep(secret_, parameters_, Secret(typed), now_, 1), std::nullopt) << typed;
  }
}

TEST(Base32, FitsRfc4648WithoutThePadding) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "MY"},
                                                                    {"fo", "MZXQ"},
                                                                    {"foo", "MZXW6"},
                                                                    {"foob", "MZXW6YQ"},
                                                                    {"fooba", "MZXW6YTB"},
                                                                    {"foobar", "MZXW6YTBOI"}};
  for (const auto& [plain, text] : vectors) EXPECT_EQ(Base32Of(Secret(plain)).Reveal(), text);
}

TEST(OtpauthUri, SaysWhatAnAuthenticatorHasToKnow) {
  TotpParameters parameters;
  parameters.algorithm = TotpAlgorithm::kSha256;
  parameters.digits = 8;
  parameters.period = absl::Seconds(60);
  EXPECT_EQ(OtpauthUri({"Acme Co", "ada@example.com"}, Secret("foobar"), parameters).Reveal(),
            "otpauth://totp/Acme%20Co:ada%40example.com?secret=MZXW6YTBOI&issuer=Acme%20Co"
            "&algorithm=SHA256&digits=8&period=60");
}

// A name cannot plant a secret or another issuer.
TEST(OtpauthUri, ANameStaysAName) {
  const Secret uri = OtpauthUri({"t", "a?secret=X&issuer=b:c/ü"}, Secret("foobar"), {});
  EXPECT_EQ(uri.Reveal().substr(0, uri.Reveal().find('?')),
            "otpauth://totp/t:a%3Fsecret%3DX%26issuer%3Db%3Ac%2F%C3%BC");
}

TEST(TotpAlgorithms, AreNamedAsInUris) {
  for (const char* name : {"SHA1", "SHA256", "SHA512"}) {
    const auto algorithm = TotpAlgorithmFromName(name);
    ASSERT_TRUE(algorithm.has_value()) << name;
    EXPECT_EQ(TotpAlgorithmName(*algorithm), name);
  }
  EXPECT_EQ(TotpAlgorithmFromName("sha1"), std::nullopt);
  EXPECT_EQ(TotpAlgorithmFromName("MD5"), std::nullopt);
  EXPECT_EQ(TotpSecretBytes(TotpAlgorithm::kSha1), 20u);
  EXPECT_EQ(TotpSecretBytes(TotpAlgorithm::kSha256), 32u);
  EXPECT_EQ(TotpSecretBytes(TotpAlgorithm::kSha512), 64u);
}

}  // namespace
}  // namespace tessera::server
