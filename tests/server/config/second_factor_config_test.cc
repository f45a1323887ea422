#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;

class SecondFactorConfigTest : public ::testing::Test {
 protected:
  // What is wrong with the least configuration and these lines of `[second_factor]`.
  std::string ErrorOf(const std::string& lines) const {
    const std::string text =
        "[server]\nplaintext = true\n[keys]\nmaster_key_file = \"/m\"\n[tokens]\nissuer = "
        "\"me\"\n[second_factor]\n" +
        lines + "\n";
    const absl::StatusOr<Config> config = LoadConfig(folder_.Write("tessera.toml", text), {});
    return config.ok() ? "accepted" : std::string(config.status().message());
  }

  testing::TemporaryFolder folder_;
};

TEST_F(SecondFactorConfigTest, TheDefaultsAreWhatEveryAuthenticatorKnows) {
  const Config config;
  EXPECT_EQ(config.second_factor.algorithm, "SHA1");
  EXPECT_EQ(config.second_factor.digits, 6);
  EXPECT_EQ(config.second_factor.period, absl::Seconds(30));
  EXPECT_EQ(config.second_factor.drift, 1);
  EXPECT_EQ(config.second_factor.challenge_ttl, absl::Minutes(5));
  EXPECT_EQ(ErrorOf(""), "accepted");
}

TEST_F(SecondFactorConfigTest, TakesWhatTheStandardKnows) {
  for (const char* lines :
       {"algorithm = \"SHA256\"", "algorithm = \"SHA512\"", "digits = 8", "period = \"15s\"",
        "period = \"2m\"", "drift = 0", "drift = 2", "challenge_ttl = \"30s\"",
        "challenge_ttl = \"15m\"", "issuer = \"Acme Co, Ltd.\""}) {
    EXPECT_EQ(ErrorOf(lines), "accepted") << lines;
  }
}

// Fewer digits, more drift or longer challenges would give guesses away.
TEST_F(SecondFactorConfigTest, RefusesTheRestByName) {
  for (const char* key_and_value :
       {"algorithm = \"MD5\"", "algorithm = \"sha1\"", "digits = 5", "digits = 7", "digits = 10",
        "period = \"14s\"", "period = \"121s\"", "period = \"30500ms\"", "drift = 3",
        "challenge_ttl = \"29s\"", "challenge_ttl = \"16m\"", "issuer = \"\"", "issuer = \"a:b\"",
        "issuer = \"a\\nb\""}) {
    const std::string text = key_and_value;
    EXPECT_THAT(ErrorOf(text), HasSubstr("second_factor." + text.substr(0, text.find(' '))))
        << text;
  }
}

}  // namespace
}  // namespace tessera::server
