// The table `storage`: what a mysql:// url asks for, and what means nothing without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/config/mysql_url.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kUrl[] = "TESSERA_STORAGE_URL";
constexpr char kPasswordFile[] = "TESSERA_STORAGE_PASSWORD_FILE";
constexpr char kTlsCa[] = "TESSERA_STORAGE_TLS_CA";
constexpr char kPlaintext[] = "TESSERA_STORAGE_PLAINTEXT_OFF_LOOPBACK";
constexpr char kRelaxed[] = "TESSERA_STORAGE_RELAXED_DURABILITY";
constexpr char kMigrate[] = "TESSERA_STORAGE_MIGRATE";
constexpr char kWait[] = "TESSERA_STORAGE_WAIT_AT_START";
constexpr char kClock[] = "TESSERA_STORAGE_MAX_CLOCK_DIFFERENCE";

// The least that is accepted, with `changes`.
absl::StatusOr<Config> Load(Environment changes) {
  changes.insert({{"TESSERA_SERVER_PLAINTEXT", "true"},
                  {"TESSERA_KEYS_MASTER_KEY_FILE", "k"},
                  {"TESSERA_TOKENS_ISSUER", "i"}});
  return LoadConfig("", changes);
}

absl::StatusOr<Config> LoadMysql(const std::string& url, Environment changes = {}) {
  changes.insert({{kUrl, url}, {kPasswordFile, "/etc/tessera/db-password"}});
  return Load(std::move(changes));
}

std::string ErrorOf(const absl::StatusOr<Config>& config) {
  return config.ok() ? "accepted" : std::string(config.status().message());
}

TEST(MysqlUrl, IsUserHostPortAndDatabase) {
  const auto url = ParseMysqlUrl("mysql://tessera@db.example.com:3307/tessera_2");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->user, "tessera");
  EXPECT_EQ(url->host, "db.example.com");
  EXPECT_EQ(url->port, 3307);
  EXPECT_EQ(url->database, "tessera_2");
}

TEST(MysqlUrl, WithoutAPortItIsMysqls) {
  EXPECT_EQ(ParseMysqlUrl("mysql://u@h/d")->port, 3306);
  EXPECT_EQ(ParseMysqlUrl("mysql://u@[::1]/d")->port, 3306);
}

TEST(MysqlUrl, AnIpv6HostIsBracketedAndComesWithoutBrackets) {
  const auto url = ParseMysqlUrl("mysql://u@[2001:db8::1]:3306/d");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->host, "2001:db8::1");
  for (const char* bad :
       {"mysql://u@2001:db8::1/d", "mysql://u@[::1/d", "mysql://u@[h]/d", "mysql://u@[127.0.0.1]/d",
        "mysql://u@[]/d", "mysql://u@[::1]x/d", "mysql://u@[::1]3306/d", "mysql://u@[/d"}) {
    EXPECT_FALSE(ParseMysqlUrl(bad).ok()) << bad;
  }
}

TEST(MysqlUrl, TheUserIsPercentDecoded) {
  EXPECT_EQ(ParseMysqlUrl("mysql://a%40b%3ac%25@h/d")->user, "a@b:c%");
  EXPECT_EQ(ParseMysqlUrl("mysql://svc-1._~@h/d")->user, "svc-1._~");
  EXPECT_EQ(ParseMysqlUrl("mysql://%C3%A5@h/d")->user, "\xC3\xA5");
  for (const char* bad : {"mysql://@h/d", "mysql://a%@h/d", "mysql://a%4@h/d", "mysql://a%zz@h/d",
                          "mysql://a%00@h/d", "mysql://a%0a@h/d", "mysql://a%-1@h/d",
                          "mysql://a b@h/d", "mysql://a'b@h/d", "mysql://a@b@h/d"}) {
    EXPECT_FALSE(ParseMysqlUrl(bad).ok()) << bad;
  }
  EXPECT_TRUE(ParseMysqlUrl("mysql://" + std::string(80, 'u') + "@h/d").ok());
  EXPECT_FALSE(ParseMysqlUrl("mysql://" + std::string(81, 'u') + "@h/d").ok());
}

TEST(MysqlUrl, HostAndPortAreStrict) {
  for (const char* good : {"mysql://u@h:1/d", "mysql://u@h:65535/d", "mysql://u@10.0.0.1/d",
                           "mysql://u@my_db-1.x/d"}) {
    EXPECT_TRUE(ParseMysqlUrl(good).ok()) << good;
  }
  for (const char* bad : {"mysql://u@/d", "mysql://u@:3306/d", "mysql://u@h:/d", "mysql://u@h:0/d",
                          "mysql://u@h:65536/d", "mysql://u@h:+1/d", "mysql://u@h:1x/d",
                          "mysql://u@h:000001/d", "mysql://u@h,i/d", "mysql://u@-h/d",
                          "mysql://u@.h/d", "mysql://u@h%41/d", "mysql://u@unix(/run/s)/d"}) {
    EXPECT_FALSE(ParseMysqlUrl(bad).ok()) << bad;
  }
}

TEST(MysqlUrl, TheDatabaseIsAPlainName) {
  EXPECT_TRUE(ParseMysqlUrl("mysql://u@h/" + std::string(64, 'D')).ok());
  for (const std::string& bad :
       {std::string("mysql://u@h"), std::string("mysql://u@h/"), std::string("mysql://u@h/a/b"),
        std::string("mysql://u@h/a?ssl=false"), std::string("mysql://u@h/a-b"),
        std::string("mysql://u@h/a`b"), "mysql://u@h/" + std::string(65, 'D')}) {
    EXPECT_FALSE(ParseMysqlUrl(bad).ok()) << bad;
  }
}

TEST(MysqlUrl, OtherFormsAreRefused) {
  for (const char* bad : {"", "mysql:", "mysql://", "mysql:u@h/d", "MYSQL://u@h/d",
                          "mariadb://u@h/d", "mysql:///d", "mysql://h/d"}) {
    EXPECT_FALSE(ParseMysqlUrl(bad).ok()) << bad;
  }
}

TEST(StorageConfig, AMysqlUrlOnLoopbackNeedsOnlyAPasswordFile) {
  for (const char* url : {"mysql://tessera@127.0.0.1:3306/tessera", "mysql://tessera@localhost/t",
                          "mysql://tessera@[::1]/t"}) {
    const absl::StatusOr<Config> config = LoadMysql(url);
    ASSERT_TRUE(config.ok()) << url << ": " << config.status();
    EXPECT_THAT(config->warnings, IsEmpty());
  }
}

TEST(StorageConfig, DefaultsOfMysqlAreThoseOfTheManual) {
  const absl::StatusOr<Config> config = LoadMysql("mysql://u@127.0.0.1/d");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->storage.connections, 4);
  EXPECT_TRUE(config->storage.migrate);
  EXPECT_FALSE(config->storage.relaxed_durability);
  EXPECT_EQ(config->storage.wait_at_start, absl::Seconds(60));
  EXPECT_EQ(config->storage.max_clock_difference, absl::Seconds(5));
}

TEST(StorageConfig, AMysqlUrlWithoutAPasswordFileIsRefused) {
  EXPECT_THAT(ErrorOf(Load({{kUrl, "mysql://u@127.0.0.1/d"}})),
              HasSubstr("storage.password_file = \"\": expected a file of mode 0600"));
}

TEST(StorageConfig, APasswordInTheUrlIsRefusedAndNotShown) {
  for (const char* url :
       {"mysql://user:hunter2@host:3306/tessera", "mysql://user:hun/hunter2@host/tessera",
        "mysql://user:a@hunter2@host/tessera", "mysql://:hunter2@host", "mysql://u:hunter2@"}) {
    EXPECT_THAT(ErrorOf(LoadMysql(url, {{kTlsCa, "ca.pem"}})),
                AllOf(Not(HasSubstr("hunter2")), HasSubstr("storage.password_file")))
        << url;
  }
}

TEST(StorageConfig, AMalformedUrlNamesTheKeyAndWhatIsWrong) {
  EXPECT_THAT(ErrorOf(LoadMysql("mysql://u@h:99999/d")),
              AllOf(HasSubstr("storage.url = \"mysql://u@h:99999/d\""), HasSubstr("1 to 65535")));
  EXPECT_THAT(ErrorOf(LoadMysql("mysql://u@h/a-b")), HasSubstr("database name"));
}

TEST(StorageConfig, OffLoopbackTheCertificatesAuthorityIsRequired) {
  for (const char* url : {"mysql://u@db.example.com/d", "mysql://u@10.0.0.7/d",
                          "mysql://u@127.0.0.1.example.com/d", "mysql://u@[2001:db8::1]/d"}) {
    EXPECT_THAT(ErrorOf(LoadMysql(url)),
                AllOf(HasSubstr("storage.tls_ca"), HasSubstr("plaintext_off_loopback")))
        << url;
    EXPECT_TRUE(LoadMysql(url, {{kTlsCa, "ca.pem"}}).ok()) << url;
  }
}

TEST(StorageConfig, PlaintextOffLoopbackNeedsItsOwnWordAndIsWarnedOf) {
  const absl::StatusOr<Config> loud =
      LoadMysql("mysql://u@db.example.com/d", {{kPlaintext, "true"}});
  ASSERT_TRUE(loud.ok()) << loud.status();
  EXPECT_THAT(loud->warnings,
              ElementsAre(AllOf(HasSubstr("unprotected"), HasSubstr("db.example.com"))));
  EXPECT_THAT(ErrorOf(LoadMysql("mysql://u@h/d", {{kPlaintext, "true"}, {kTlsCa, "ca.pem"}})),
              HasSubstr("storage.tls_ca"));
}

TEST(StorageConfig, RelaxedDurabilityIsWarnedOf) {
  const absl::StatusOr<Config> config = LoadMysql("mysql://u@127.0.0.1/d", {{kRelaxed, "true"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("may be lost")));
}

TEST(StorageConfig, TimesHaveBounds) {
  const auto with = [](const char* variable, const char* value) {
    return LoadMysql("mysql://u@127.0.0.1/d", {{variable, value}});
  };
  for (const char* good : {"0s", "1h"}) EXPECT_TRUE(with(kWait, good).ok()) << good;
  EXPECT_THAT(ErrorOf(with(kWait, "1h1ms")), HasSubstr("storage.wait_at_start"));
  for (const char* good : {"100ms", "60s", "3660d"}) EXPECT_TRUE(with(kClock, good).ok()) << good;
  for (const char* bad : {"99ms", "3660d1ms"}) {
    EXPECT_THAT(ErrorOf(with(kClock, bad)), HasSubstr("storage.max_clock_difference")) << bad;
  }
  EXPECT_THAT(with(kClock, "60s")->warnings, IsEmpty());
  EXPECT_THAT(with(kClock, "60s1ms")->warnings, ElementsAre(HasSubstr("max_clock_difference")));
}

TEST(StorageConfig, WhatIsForMysqlAloneIsRefusedWithAFile) {
  for (const auto& [variable, value] : Environment{{kPasswordFile, "x"},
                                                   {kTlsCa, "x"},
                                                   {kPlaintext, "true"},
                                                   {kRelaxed, "true"},
                                                   {kMigrate, "false"},
                                                   {kWait, "1s"},
                                                   {kClock, "1s"}}) {
    EXPECT_THAT(ErrorOf(Load({{variable, value}})),
                AllOf(HasSubstr("mysql://"), HasSubstr(variable)))
        << variable;
  }
}

TEST(StorageConfig, APrintedMysqlConfigIsReadBackAsTheSame) {
  const absl::StatusOr<Config> config = LoadMysql(
      "mysql://a%40b@db.example.com/d",
      {{kTlsCa, "ca.pem"}, {kMigrate, "false"}, {kWait, "5s"}, {kClock, "3s"}, {kRelaxed, "true"}});
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string printed = PrintConfig(*config);
  EXPECT_THAT(printed, AllOf(HasSubstr("url = \"mysql://a%40b@db.example.com/d\""),
                             HasSubstr("wait_at_start = \"5s\""), HasSubstr("migrate = false")));
  const testing::TemporaryFolder folder;
  const absl::StatusOr<Config> again = LoadConfig(folder.Write("printed.toml", printed), {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(PrintConfig(*again), printed);
}

}  // namespace
}  // namespace tessera::server
