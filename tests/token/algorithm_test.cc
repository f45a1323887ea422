#include "tessera/token/algorithm.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

TEST(Algorithm, NamesGoThereAndBack) {
  for (const Algorithm algorithm : testing::kAllAlgorithms)
    EXPECT_EQ(AlgorithmFromName(AlgorithmName(algorithm)), algorithm);
}

TEST(Algorithm, EveryOtherNameIsUnknown) {
  for (const char* name : {"", "none", "None", "NONE", "es256", "ES256 ", "ES384", "ES512", "RS384",
                           "RS512", "PS256", "HS384", "HS512", "EDDSA", "Ed25519", "ES256K"})
    EXPECT_EQ(AlgorithmFromName(name), std::nullopt) << name;
  EXPECT_EQ(AlgorithmFromName(std::string_view("ES256\0", 6)), std::nullopt);
}

}  // namespace
}  // namespace tessera
