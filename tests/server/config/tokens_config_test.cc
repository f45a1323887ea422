#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/config/reset_time.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TokensConfigTest : public ::testing::Test {
 protected:
  // What is wrong with the least configuration and these lines of `[tokens]` or another table.
  std::string ErrorOf(const std::string& lines) const {
    const absl::StatusOr<Config> config = Load(lines);
    return config.ok() ? "accepted" : std::string(config.status().message());
  }
  absl::StatusOr<Config> Load(const std::string& lines) const {
    const std::string text =
        "[server]\nplaintext = true\n[keys]\nmaster_key_file = \"/m\"\n[tokens]\nissuer = "
        "\"me\"\n" +
        lines + "\n";
    return LoadConfig(folder_.Write("tessera.toml", text), {});
  }

  testing::TemporaryFolder folder_;
};

TEST_F(TokensConfigTest, AResetHasATimeAndAZoneThatThisMachineKnows) {
  for (const char* good : {"04:00 Europe/Berlin", "00:00 UTC", "23:59 America/New_York"}) {
    EXPECT_EQ(ErrorOf(std::string("refresh_reset_at = \"") + good + "\""), "accepted") << good;
  }
  for (const char* bad :
       {"04:00", "04:00 ", "4:00 UTC", "24:00 UTC", "04:60 UTC", "0400 UTC", "04:00  UTC",
        "04:00UTC", "-1:00 UTC", "04:00 Europe/Atlantis", "04:00 europe", "04:00 /etc/localtime",
        "04:00 ../zoneinfo/UTC", "04:00 libc:localtime", "UTC 04:00", "+4:00 UTC"}) {
    EXPECT_THAT(ErrorOf(std::string("refresh_reset_at = \"") + bad + "\""),
                AllOf(HasSubstr("tokens.refresh_reset_at"), HasSubstr("expected a time")))
        << bad;
  }
}

TEST_F(TokensConfigTest, AResetTokenIsGoodForAMinuteToAWeek) {
  for (const char* good : {"1m", "1h", "7d"}) {
    const auto config = Load(std::string("[passwords]\nreset_token_ttl = \"") + good + "\"");
    EXPECT_TRUE(config.ok()) << config.status();
  }
  for (const char* bad : {"59s", "0s", "7d1ms"}) {
    EXPECT_THAT(ErrorOf(std::string("[passwords]\nreset_token_ttl = \"") + bad + "\""),
                HasSubstr("passwords.reset_token_ttl"))
        << bad;
  }
}

TEST_F(TokensConfigTest, ABlocklistIsTaken) {
  const auto config = Load("[passwords]\nblocklist_file = \"/etc/tessera/blocked\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->passwords.blocklist_file, "/etc/tessera/blocked");
}

TEST_F(TokensConfigTest, AResetIsReadAsItIsWritten) {
  const auto reset = ParseResetTime("23:05 Europe/Berlin");
  ASSERT_TRUE(reset.has_value());
  EXPECT_EQ(reset->hour, 23);
  EXPECT_EQ(reset->minute, 5);
  EXPECT_EQ(reset->zone.name(), "Europe/Berlin");
}

TEST_F(TokensConfigTest, ScopesAreWordsOfOAuthEachOnce) {
  EXPECT_EQ(ErrorOf(R"(scopes = ["orders.read", "orders:write", "a/b?c=d"])"), "accepted");
  for (const char* bad : {R"("")", R"("a b")", R"("a\"b")", R"("a\\b")", R"("a", "a")", R"("å")"}) {
    EXPECT_THAT(ErrorOf(std::string("scopes = [") + bad + "]"), HasSubstr("tokens.scopes")) << bad;
  }
}

TEST_F(TokensConfigTest, NoClaimIsBothAskedForAndAnAttribute) {
  EXPECT_EQ(ErrorOf(R"(requested_claims = ["tenant"]
attribute_claims = ["department"])"),
            "accepted");
  EXPECT_THAT(
      ErrorOf(R"(requested_claims = ["tenant", "department"]
attribute_claims = ["department"])"),
      AllOf(HasSubstr("tokens.requested_claims = \"department\""), HasSubstr("a login could set")));
  for (const char* key : {"requested_claims", "attribute_claims"}) {
    for (const char* bad : {R"("")", R"("Tenant")", R"("a b")", R"("a", "a")"}) {
      EXPECT_THAT(ErrorOf(std::string(key) + " = [" + bad + "]"), HasSubstr(key)) << bad;
    }
  }
}

TEST_F(TokensConfigTest, RenewalByAccessTokenContradictsTheOtherRules) {
  EXPECT_EQ(ErrorOf("renewal_by_access_token = true"), "accepted");
  EXPECT_EQ(ErrorOf("renewal_needs_access_token = true\nrenewal_only_after_expiry = true"),
            "accepted");
  EXPECT_THAT(ErrorOf("renewal_by_access_token = true\nrenewal_only_after_expiry = true"),
              HasSubstr("tokens.renewal_by_access_token"));
  EXPECT_THAT(ErrorOf("renewal_by_access_token = true\nrenewal_needs_access_token = true"),
              HasSubstr("tokens.renewal_by_access_token"));
}

TEST_F(TokensConfigTest, ASessionThatWaitsForTheExpiryOutlivesIt) {
  const std::string waits = "renewal_only_after_expiry = true\naccess_ttl = \"1h\"\n";
  for (const char* key : {"refresh_idle_ttl", "refresh_ttl"}) {
    const auto with = [&](const char* life) { return waits + key + " = \"" + life + "\""; };
    EXPECT_EQ(ErrorOf(with("61m")), "accepted") << key;
    for (const char* life : {"60m", "59m"}) {
      EXPECT_THAT(ErrorOf(with(life)),
                  AllOf(HasSubstr("tokens.renewal_only_after_expiry"), HasSubstr("may be renewed")))
          << key << life;
    }
  }
  EXPECT_EQ(ErrorOf("access_ttl = \"1h\"\nrefresh_idle_ttl = \"30m\""), "accepted");
}

TEST_F(TokensConfigTest, CookiesHaveHostNames) {
  EXPECT_EQ(ErrorOf("[cookies]\naccess_name = \"__Host-a\"\nrefresh_name = \"__Host-r\""),
            "accepted");
  for (const char* bad : {"", "tessera", "__Host-", "__host-a", "__Secure-a", "__Host-a b",
                          "__Host-a;b", "__Host-a=b", "__Host-å"}) {
    for (const char* key : {"access_name", "refresh_name"}) {
      EXPECT_THAT(ErrorOf(std::string("[cookies]\n") + key + " = \"" + bad + "\""),
                  AllOf(HasSubstr(std::string("cookies.") + key), HasSubstr("__Host-")))
          << bad;
    }
  }
  EXPECT_THAT(ErrorOf("[cookies]\naccess_name = \"__Host-a\"\nrefresh_name = \"__Host-a\""),
              HasSubstr("another name"));
}

TEST_F(TokensConfigTest, CookiesNeverGoToEverySite) {
  EXPECT_EQ(ErrorOf("[cookies]\nsame_site = \"Lax\""), "accepted");
  for (const char* bad : {"None", "lax", "strict", ""}) {
    EXPECT_THAT(ErrorOf(std::string("[cookies]\nsame_site = \"") + bad + "\""),
                HasSubstr("cookies.same_site"));
  }
}

TEST_F(TokensConfigTest, CookiesNeedAnOriginAndOriginsAreAsBrowsersSendThem) {
  EXPECT_THAT(ErrorOf("[cookies]\nenabled = true"), HasSubstr("cookies.allowed_origins"));
  const auto with = [this](const std::string& origin) {
    return ErrorOf("[cookies]\nenabled = true\nallowed_origins = [\"" + origin + "\"]");
  };
  for (const char* good : {"https://app.example.com", "https://app.example.com:8443",
                           "http://localhost:3000", "http://127.0.0.1", "http://[::1]:3000"}) {
    EXPECT_EQ(with(good), "accepted") << good;
  }
  for (const char* bad :
       {"*", "null", "", "app.example.com", "http://app.example.com", "https://",
        "https://App.example", "https://app.example.com/", "https://app.example.com/x",
        "https://*.example.com", "https://app.example.com:443", "http://localhost:80",
        "https://user@app.example.com", "https://app.example.com:", "https://app.example.com:x",
        "HTTPS://app.example.com", "http://localhost.example.com", "http://127.0.0.1.example.com",
        "https://a b"}) {
    EXPECT_THAT(with(bad), HasSubstr("cookies.allowed_origins")) << bad;
  }
}

}  // namespace
}  // namespace tessera::server
