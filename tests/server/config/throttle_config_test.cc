#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/names/ip_network.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Config> Load(Environment more) {
  more["TESSERA_SERVER_PLAINTEXT"] = "true";
  more["TESSERA_KEYS_MASTER_KEY_FILE"] = "/etc/tessera/master";
  more["TESSERA_TOKENS_ISSUER"] = "https://auth.example.test";
  return LoadConfig("", more);
}

std::string WhyNot(const std::string& variable, const std::string& value) {
  return std::string(Load({{variable, value}}).status().message());
}

TEST(ThrottleConfig, HasTheDefaultsThatItsPageSays) {
  const auto config = Load({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->throttle.attempts, 5);
  EXPECT_EQ(config->throttle.account_attempts, 50);
  EXPECT_EQ(config->throttle.source_attempts, 100);
  EXPECT_EQ(config->throttle.registrations, 10);
  EXPECT_EQ(config->throttle.first_delay, absl::Seconds(1));
  EXPECT_EQ(config->throttle.max_delay, absl::Minutes(15));
  EXPECT_EQ(config->throttle.forget_after, absl::Hours(1));
  EXPECT_EQ(config->throttle.device_ttl, absl::Hours(24 * 90));
  EXPECT_THAT(config->server.trusted_proxies, IsEmpty());
}

TEST(ThrottleConfig, CannotBeTurnedOff) {
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_ATTEMPTS", "0"), HasSubstr("throttle.attempts"));
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_ACCOUNT_ATTEMPTS", "-1"),
              HasSubstr("throttle.account_attempts"));
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_SOURCE_ATTEMPTS", "1000001"),
              HasSubstr("throttle.source_attempts"));
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_REGISTRATIONS", "0"), HasSubstr("throttle.registrations"));
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_FIRST_DELAY", "0s"), HasSubstr("throttle.first_delay"));
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_MAX_DELAY", "500ms"), HasSubstr("throttle.max_delay"));
}

TEST(ThrottleConfig, ACounterOutlivesItsDelay) {
  EXPECT_THAT(WhyNot("TESSERA_THROTTLE_FORGET_AFTER", "14m"), HasSubstr("throttle.forget_after"));
  EXPECT_EQ(WhyNot("TESSERA_THROTTLE_FORGET_AFTER", "15m"), "");
}

TEST(ThrottleConfig, WhoLetsManyGuessesPassIsTold) {
  const auto config = Load({{"TESSERA_THROTTLE_ATTEMPTS", "101"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("throttle.attempts")));
}

TEST(ThrottleConfig, TrustedProxiesAreNetworksOrAddresses) {
  const auto config = Load({{"TESSERA_SERVER_TRUSTED_PROXIES", "10.0.0.0/8,::1,2001:db8::/32"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->server.trusted_proxies, ElementsAre("10.0.0.0/8", "::1", "2001:db8::/32"));
  for (const char* bad : {"proxy.example.com", "10.0.0.0/33", "10.0.0.7/8", "::/129", "10.0.0.0/",
                          "*", "10.0.0.0/-1", "fe80::1%eth0"}) {
    EXPECT_THAT(WhyNot("TESSERA_SERVER_TRUSTED_PROXIES", bad), HasSubstr("server.trusted_proxies"))
        << bad;
  }
}

bool Contains(const char* network, const char* address) {
  return IpNetwork::Parse(network).value().Contains(IpAddress::Parse(address).value());
}

TEST(IpNetwork, HoldsItsOwnAddressesToTheLastBit) {
  EXPECT_TRUE(Contains("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(Contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(Contains("192.0.2.128/25", "192.0.2.255"));
  EXPECT_FALSE(Contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(Contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(Contains("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(Contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(Contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(Contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(Contains("0.0.0.0/0", "2001:db8::1")) << "of the other version";
  EXPECT_TRUE(Contains("10.0.0.0/8", "::ffff:10.1.2.3"));
}

}  // namespace
}  // namespace tessera::server
