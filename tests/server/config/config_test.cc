#include "server/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "server/config/settings.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The least that is accepted.
constexpr char kLeast[] = R"(
[server]
plaintext = true
[keys]
master_key_file = "/etc/tessera/master.key"
[tokens]
issuer = "https://auth.example.com"
)";

class ConfigTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) const { return folder_.Write("tessera.toml", text); }
  absl::StatusOr<Config> Load(const std::string& text, const Environment& environment = {}) const {
    return LoadConfig(Write(text), environment);
  }
  // Loads the least configuration with some keys set by environment.
  absl::StatusOr<Config> LoadWith(const Environment& environment) const {
    return Load(kLeast, environment);
  }
  // The error of the least configuration with one variable set.
  std::string ErrorOf(const std::string& variable, const std::string& value) const {
    const absl::StatusOr<Config> config = LoadWith({{variable, value}});
    if (config.ok()) return "accepted";
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(config.status().message());
  }
  std::string ErrorOfText(const std::string& text) const {
    const absl::StatusOr<Config> config = Load(text);
    return config.ok() ? "accepted" : std::string(config.status().message());
  }
  bool Accepts(const std::string& variable, const std::string& value) const {
    return LoadWith({{variable, value}}).ok();
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ConfigTest, DefaultsAreThoseOfTheManual) {
  const absl::StatusOr<Config> config = Load(kLeast);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server.listen, "127.0.0.1:7443");
  EXPECT_EQ(config->server.reflection, Reflection::kAuthenticated);
  EXPECT_FALSE(config->server.plaintext_off_loopback);
  EXPECT_EQ(config->storage.url, "sqlite:/var/lib/tessera/tessera.db");
  EXPECT_EQ(SqlitePath(config->storage), "/var/lib/tessera/tessera.db");
  EXPECT_EQ(config->keys.algorithm, "ES256");
  EXPECT_EQ(config->tokens.self_audience, "tessera");
  EXPECT_THAT(config->tokens.audiences, IsEmpty());
  EXPECT_EQ(config->tokens.access_ttl, absl::Minutes(15));
  EXPECT_EQ(config->tokens.refresh_ttl, absl::Hours(24 * 30));
  EXPECT_EQ(config->tokens.refresh_idle_ttl, absl::Hours(24 * 7));
  EXPECT_EQ(config->tokens.reuse_grace, absl::Seconds(30));
  EXPECT_EQ(config->tokens.leeway, absl::Seconds(5));
  EXPECT_EQ(config->passwords.memory_kib, 19456u);
  EXPECT_EQ(config->passwords.passes, 2u);
  EXPECT_EQ(config->passwords.min_length, 8);
  EXPECT_EQ(config->bootstrap.admin_username, "admin");
  EXPECT_EQ(config->audit.retention, absl::Hours(24 * 90));
  EXPECT_EQ(config->audit.max_events, 10'000'000);
  EXPECT_EQ(config->log.format, "text");
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST_F(ConfigTest, EnvironmentWinsOverTheFile) {
  const absl::StatusOr<Config> config = LoadWith({{"TESSERA_SERVER_LISTEN", "127.0.0.1:0"},
                                                  {"TESSERA_SERVER_PLAINTEXT", "true"},
                                                  {"TESSERA_TOKENS_AUDIENCES", "orders,billing"},
                                                  {"TESSERA_TOKENS_ACCESS_TTL", "1h30m"},
                                                  {"TESSERA_PASSWORDS_PASSES", "3"},
                                                  {"TESSERA_SERVER_REFLECTION", "public"},
                                                  {"TESSERA_TOKENS_ISSUER", "other"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server.listen, "127.0.0.1:0");
  EXPECT_THAT(config->tokens.audiences, ElementsAre("orders", "billing"));
  EXPECT_EQ(config->tokens.access_ttl, absl::Minutes(90));
  EXPECT_EQ(config->passwords.passes, 3u);
  EXPECT_EQ(config->server.reflection, Reflection::kPublic);
  EXPECT_EQ(config->tokens.issuer, "other");
}

TEST_F(ConfigTest, EnvironmentAloneIsEnough) {
  const absl::StatusOr<Config> config = LoadConfig("", {{"TESSERA_SERVER_PLAINTEXT", "true"},
                                                        {"TESSERA_KEYS_MASTER_KEY_FILE", "k"},
                                                        {"TESSERA_TOKENS_ISSUER", "i"}});
  EXPECT_TRUE(config.ok()) << config.status();
}

TEST_F(ConfigTest, UnknownVariablesOnlyWarn) {
  const absl::StatusOr<Config> config =
      LoadWith({{"TESSERA_SERVICE_HOST", "10.0.0.1"}, {"TESSERACTL_SERVER", "x"}, {"PATH", "y"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("TESSERA_SERVICE_HOST")));
}

TEST_F(ConfigTest, EveryKeyHasAVariableOfItsOwn) {
  // Prints all keys, and sets each by its variable to the value printed.
  const absl::StatusOr<Config> config = Load(kLeast);
  ASSERT_TRUE(config.ok());
  absl::StatusOr<Settings> settings = ReadToml(Write(PrintConfig(*config)));
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->size(), 85u);
  std::set<std::string> variables;
  std::vector<std::string> warnings;
  for (const auto& [key, setting] : *settings) {
    variables.insert(VariableOf(key));
    Settings one;
    Override({{VariableOf(key), "x"}}, one, warnings);
    EXPECT_EQ(one.count(key), 1u) << key;
  }
  EXPECT_EQ(variables.size(), settings->size());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigTest, UnknownKeysAreErrorsThatNameKeyAndLine) {
  EXPECT_THAT(ErrorOfText(std::string(kLeast) + "isuer = \"x\"\n"),
              AllOf(HasSubstr("tokens.isuer"), HasSubstr("unknown key"), HasSubstr("toml:8")));
  EXPECT_THAT(ErrorOfText(std::string(kLeast) + "[sever]\nlisten = \"x\"\n"),
              HasSubstr("sever.listen: unknown key"));
  EXPECT_THAT(ErrorOfText("listen = \"x\"\n"), HasSubstr("listen: unknown key"));
}

TEST_F(ConfigTest, AWholeTableInPlaceOfAValueIsUnknown) {
  EXPECT_THAT(ErrorOfText("[server.listen]\nhost = \"x\"\n"),
              HasSubstr("server.listen.host: unknown key"));
  EXPECT_THAT(ErrorOfText("server = 5\n"), HasSubstr("server: unknown key"));
}

TEST_F(ConfigTest, WrongTypesAreErrorsThatNameValueAndExpectation) {
  EXPECT_THAT(ErrorOfText("[server]\nlisten = 7443\n"),
              HasSubstr("server.listen = 7443: expected a string"));
  EXPECT_THAT(ErrorOfText("[server]\nplaintext = \"true\"\n"),
              HasSubstr("server.plaintext = \"true\": expected true or false"));
  EXPECT_THAT(ErrorOfText("[passwords]\npasses = 2.5\n"),
              HasSubstr("passwords.passes = 2.5: expected a whole number"));
  EXPECT_THAT(ErrorOfText("[passwords]\npasses = \"2\"\n"), HasSubstr("expected a whole number"));
  EXPECT_THAT(ErrorOfText("[passwords]\npasses = -1\n"), HasSubstr("expected a whole number"));
  EXPECT_THAT(ErrorOfText("[passwords]\nmemory_kib = 4294986752\n"),
              HasSubstr("expected a whole number"));
  EXPECT_THAT(ErrorOfText("[tokens]\naccess_ttl = 900\n"),
              HasSubstr("tokens.access_ttl = 900: expected a duration"));
  EXPECT_THAT(ErrorOfText("[tokens]\naudiences = \"orders\"\n"),
              HasSubstr("tokens.audiences = \"orders\": expected a list of strings"));
  EXPECT_THAT(ErrorOfText("[tokens]\naudiences = [\"orders\", 5]\n"),
              HasSubstr("expected a list of strings"));
  EXPECT_THAT(ErrorOf("TESSERA_SERVER_PLAINTEXT", "yes"),
              HasSubstr("server.plaintext = \"yes\": expected true or false (TESSERA_SERVER_P"));
  EXPECT_THAT(ErrorOf("TESSERA_PASSWORDS_PASSES", "2x"), HasSubstr("expected a whole number"));
  EXPECT_THAT(ErrorOf("TESSERA_SERVER_REFLECTION", "on"), HasSubstr("\"authenticated\""));
}

TEST_F(ConfigTest, AllProblemsAreToldAtOnce) {
  EXPECT_THAT(ErrorOfText("[server]\nplaintext = true\n"),
              AllOf(HasSubstr("tokens.issuer"), HasSubstr("keys.master_key_file")));
}

TEST_F(ConfigTest, BrokenTomlNamesTheLineAndShowsNoText) {
  const std::string error = ErrorOfText("[storage]\nurl = \"mysql://u:hunter2@h\n");
  EXPECT_THAT(error, AllOf(HasSubstr("tessera.toml:2"), Not(HasSubstr("hunter2"))));
}

TEST_F(ConfigTest, AMissingFileIsNotFound) {
  EXPECT_EQ(LoadConfig(folder_.Path("none.toml"), {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadConfig(folder_.path(), {}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ConfigTest, PrintedConfigIsReadBackAsTheSame) {
  const absl::StatusOr<Config> config = LoadWith({{"TESSERA_TOKENS_AUDIENCES", "orders,b\"\\i"},
                                                  {"TESSERA_KEYS_MASTER_KEY_FILE", "/tmp/a\tb"},
                                                  {"TESSERA_TOKENS_ACCESS_TTL", "1h30m"}});
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string printed = PrintConfig(*config);
  const absl::StatusOr<Config> again = Load(printed);
  ASSERT_TRUE(again.ok()) << again.status() << printed;
  EXPECT_EQ(PrintConfig(*again), printed);
  EXPECT_EQ(again->keys.master_key_file, "/tmp/a\tb");
}

TEST_F(ConfigTest, ThePasswordInAUrlIsNeverShown) {
  for (const char* url :
       {"mysql://user:hunter2@host:3306/tessera", "mysql://user:hun/hunter2@host/tessera",
        "mysql://user:a@hunter2@host/tessera", "mysql://:hunter2@host", "mysql://u:hunter2@"}) {
    Config config;
    config.storage.url = url;
    EXPECT_THAT(PrintConfig(config), Not(HasSubstr("hunter2"))) << url;
    EXPECT_THAT(ErrorOf("TESSERA_STORAGE_URL", url),
                AllOf(Not(HasSubstr("hunter2")), HasSubstr("expected no password")))
        << url;
  }
  EXPECT_EQ(HideUrlPassword("mysql://user@host:3306/tessera"), "mysql://user@host:3306/tessera");
  EXPECT_EQ(HideUrlPassword("sqlite:/a:b@c"), "sqlite:/a:b@c");
}

TEST_F(ConfigTest, ListenIsHostAndPort) {
  for (const char* good : {"127.0.0.1:0", "127.0.0.1:65535", "[::1]:7443", "localhost:7443"}) {
    EXPECT_TRUE(Accepts("TESSERA_SERVER_LISTEN", good)) << good;
  }
  for (const char* bad :
       {"", ":", "7443", ":7443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:x", "::1:7443", "[::1]", "[127.0.0.1]:1", "[]:1", "unix:/tmp/x", "a b:1"}) {
    EXPECT_THAT(ErrorOf("TESSERA_SERVER_LISTEN", bad), HasSubstr("expected host:port")) << bad;
  }
}

TEST_F(ConfigTest, PlaintextOffLoopbackNeedsItsOwnWord) {
  for (const char* off : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "auth.example.com:1", "128.0.0.1:1",
                          "127.0.0.1.example.com:1", "[::ffff:10.0.0.1]:1"}) {
    EXPECT_THAT(ErrorOf("TESSERA_SERVER_LISTEN", off), HasSubstr("plaintext_off_loopback")) << off;
    const absl::StatusOr<Config> loud = LoadWith(
        {{"TESSERA_SERVER_LISTEN", off}, {"TESSERA_SERVER_PLAINTEXT_OFF_LOOPBACK", "true"}});
    ASSERT_TRUE(loud.ok()) << loud.status();
    EXPECT_THAT(loud->warnings, ElementsAre(HasSubstr("unprotected")));
  }
  EXPECT_TRUE(IsLoopback("127.8.9.10:1"));
  EXPECT_TRUE(IsLoopback("[::ffff:127.0.0.1]:1"));
}

TEST_F(ConfigTest, WithoutPlaintextCertificateAndKeyAreAskedFor) {
  EXPECT_THAT(ErrorOf("TESSERA_SERVER_PLAINTEXT", "false"),
              AllOf(HasSubstr("server.tls.certificate"), HasSubstr("server.tls.key")));
  EXPECT_TRUE(LoadWith({{"TESSERA_SERVER_PLAINTEXT", "false"},
                        {"TESSERA_SERVER_LISTEN", "0.0.0.0:7443"},
                        {"TESSERA_SERVER_TLS_CERTIFICATE", "c.pem"},
                        {"TESSERA_SERVER_TLS_KEY", "k.pem"}})
                  .ok());
}

TEST_F(ConfigTest, PlaintextAndCertificatesContradictEachOther) {
  for (const char* variable : {"TESSERA_SERVER_TLS_CERTIFICATE", "TESSERA_SERVER_TLS_KEY",
                               "TESSERA_SERVER_TLS_CLIENT_CA"}) {
    EXPECT_THAT(ErrorOf(variable, "x.pem"), HasSubstr("server.plaintext = true")) << variable;
  }
}

TEST_F(ConfigTest, StorageIsAnSqliteFileOrAMysqlDatabase) {
  EXPECT_TRUE(Accepts("TESSERA_STORAGE_URL", "sqlite:relative.db"));
  for (const char* bad :
       {"", "sqlite:", "sqlite::memory:", "sqlite:///a", "/a/b", "postgres://x", "mysql://x"}) {
    EXPECT_THAT(ErrorOf("TESSERA_STORAGE_URL", bad), HasSubstr("storage.url")) << bad;
  }
  EXPECT_FALSE(Accepts("TESSERA_STORAGE_CONNECTIONS", "0"));
  EXPECT_TRUE(Accepts("TESSERA_STORAGE_CONNECTIONS", "1"));
  EXPECT_TRUE(Accepts("TESSERA_STORAGE_CONNECTIONS", "256"));
  EXPECT_FALSE(Accepts("TESSERA_STORAGE_CONNECTIONS", "257"));
}

TEST_F(ConfigTest, LivesHaveBounds) {
  struct Bounds {
    const char* variable;
    const char* least;
    const char* most;
    const char* too_little;
    const char* too_much;
  };
  for (const Bounds& bounds :
       {Bounds{"TESSERA_TOKENS_LEEWAY", "0s", "60s", "-1s", "60s1ms"},
        Bounds{"TESSERA_TOKENS_ACCESS_TTL", "1s", "24h", "999ms", "24h1ms"},
        Bounds{"TESSERA_TOKENS_REFRESH_TTL", "1s", "3660d", "0s", "3661d"},
        Bounds{"TESSERA_TOKENS_REFRESH_IDLE_TTL", "1s", "3660d", "0s", "3661d"},
        Bounds{"TESSERA_TOKENS_REUSE_GRACE", "0s", "5m", "-1s", "5m1ms"}}) {
    EXPECT_TRUE(Accepts(bounds.variable, bounds.least)) << bounds.variable;
    EXPECT_TRUE(Accepts(bounds.variable, bounds.most)) << bounds.variable;
    EXPECT_FALSE(Accepts(bounds.variable, bounds.too_little)) << bounds.variable;
    EXPECT_THAT(ErrorOf(bounds.variable, bounds.too_much), HasSubstr("expected"));
  }
}

TEST_F(ConfigTest, PasswordCostsHaveBounds) {
  EXPECT_FALSE(Accepts("TESSERA_PASSWORDS_MEMORY_KIB", "8191"));
  EXPECT_TRUE(Accepts("TESSERA_PASSWORDS_MEMORY_KIB", "8192"));
  EXPECT_TRUE(Accepts("TESSERA_PASSWORDS_MEMORY_KIB", "1048576"));
  EXPECT_FALSE(Accepts("TESSERA_PASSWORDS_MEMORY_KIB", "1048577"));
  EXPECT_FALSE(Accepts("TESSERA_PASSWORDS_PASSES", "0"));
  EXPECT_FALSE(Accepts("TESSERA_PASSWORDS_PASSES", "17"));
  EXPECT_FALSE(Accepts("TESSERA_PASSWORDS_MIN_LENGTH", "7"));
}

TEST_F(ConfigTest, AnIssuerIsRequired) {
  EXPECT_THAT(ErrorOf("TESSERA_TOKENS_ISSUER", ""), HasSubstr("tokens.issuer = \"\": expected"));
  EXPECT_FALSE(Accepts("TESSERA_TOKENS_ISSUER", "with blank"));
  EXPECT_FALSE(Accepts("TESSERA_TOKENS_ISSUER", std::string(257, 'x')));
  EXPECT_TRUE(Accepts("TESSERA_TOKENS_ISSUER", std::string(256, 'x')));
}

TEST_F(ConfigTest, AudiencesAreDistinctNamesOfOthers) {
  EXPECT_THAT(ErrorOf("TESSERA_TOKENS_AUDIENCES", "orders,tessera"), HasSubstr("self_audience"));
  EXPECT_THAT(ErrorOf("TESSERA_TOKENS_SELF_AUDIENCE", ""), HasSubstr("self_audience"));
  EXPECT_FALSE(Accepts("TESSERA_TOKENS_AUDIENCES", "orders,"));
  EXPECT_FALSE(Accepts("TESSERA_TOKENS_AUDIENCES", "orders,orders"));
  EXPECT_FALSE(Accepts("TESSERA_TOKENS_AUDIENCES", "orders, billing"));
  EXPECT_TRUE(Accepts("TESSERA_TOKENS_AUDIENCES", ""));
}

TEST_F(ConfigTest, AlgorithmsAreThoseOfTheTokenCore) {
  for (const char* good : {"ES256", "EdDSA", "RS256"}) {
    EXPECT_TRUE(Accepts("TESSERA_KEYS_ALGORITHM", good)) << good;
  }
  for (const char* bad : {"", "none", "es256", "ES384"}) {
    EXPECT_THAT(ErrorOf("TESSERA_KEYS_ALGORITHM", bad), HasSubstr("keys.algorithm")) << bad;
  }
}

// Otherwise its tokens could be verified by nobody, or a file would lie there that nobody renews.
TEST_F(ConfigTest, SharedKeysNeedAFileAndOthersHaveNone) {
  EXPECT_THAT(ErrorOf("TESSERA_KEYS_ALGORITHM", "HS256"), HasSubstr("keys.hs256_file"));
  EXPECT_THAT(ErrorOf("TESSERA_KEYS_HS256_FILE", "/run/tessera/keys.json"),
              HasSubstr("keys.hs256_file"));
  const auto config = LoadWith(
      {{"TESSERA_KEYS_ALGORITHM", "HS256"}, {"TESSERA_KEYS_HS256_FILE", "/run/tessera/keys.json"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("HS256")));
}

TEST_F(ConfigTest, RotationStaysWithinItsLimits) {
  for (const char* good : {"0s", "1s", "3660d"}) {
    EXPECT_TRUE(Accepts("TESSERA_KEYS_ROTATE_EVERY", good)) << good;
  }
  for (const char* bad : {"999ms", "3661d", "-1s"}) {
    EXPECT_FALSE(Accepts("TESSERA_KEYS_ROTATE_EVERY", bad)) << bad;
  }
  EXPECT_TRUE(Accepts("TESSERA_KEYS_PUBLISH_AHEAD", "0s"));
  EXPECT_FALSE(Accepts("TESSERA_KEYS_PUBLISH_AHEAD", "31d"));
  EXPECT_TRUE(Accepts("TESSERA_KEYS_ACKNOWLEDGE_TIMEOUT", "0s"));
  EXPECT_FALSE(Accepts("TESSERA_KEYS_ACKNOWLEDGE_TIMEOUT", "25h"));
  const std::string variable = "TESSERA_KEYS_ROTATE_EVERY";
  EXPECT_THAT(LoadWith({{variable, std::string("59m")}})->warnings,
              ElementsAre(HasSubstr("keys.rotate_every")));
  EXPECT_THAT(LoadWith({{variable, std::string("1h")}})->warnings, IsEmpty());
}

TEST_F(ConfigTest, AdministratorsNameIsAUserName) {
  EXPECT_TRUE(Accepts("TESSERA_BOOTSTRAP_ADMIN_USERNAME", std::string(64, 'a')));
  for (const std::string& bad : {std::string(), std::string("a b"), std::string(65, 'a')}) {
    EXPECT_FALSE(Accepts("TESSERA_BOOTSTRAP_ADMIN_USERNAME", bad)) << bad;
  }
}

TEST_F(ConfigTest, WhatIsNotServedIsNamedInAWarning) {
  const absl::StatusOr<Config> config = LoadWith({{"TESSERA_OPS_LISTEN", "127.0.0.1:1"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("does not serve it")));
}

TEST_F(ConfigTest, TheProcessesEnvironmentIsRead) {
  ASSERT_EQ(setenv("TESSERA_CONFIG_TEST", "a=b", 1), 0);
  EXPECT_EQ(ProcessEnvironment()["TESSERA_CONFIG_TEST"], "a=b");
  ASSERT_EQ(unsetenv("TESSERA_CONFIG_TEST"), 0);
}

TEST_F(ConfigTest, TheTrailIsKeptForAMinuteAtLeastAndTheLogHasTwoFormats) {
  EXPECT_TRUE(Accepts("TESSERA_AUDIT_RETENTION", "1m"));
  EXPECT_THAT(ErrorOf("TESSERA_AUDIT_RETENTION", "59s"), HasSubstr("audit.retention"));
  EXPECT_THAT(ErrorOf("TESSERA_AUDIT_RETENTION", "3661d"), HasSubstr("audit.retention"));
  for (const char* good : {"1000", "2000000000"}) {
    EXPECT_TRUE(Accepts("TESSERA_AUDIT_MAX_EVENTS", good));
  }
  for (const char* bad : {"0", "999", "2000000001", "-1", "ten"}) {
    EXPECT_THAT(ErrorOf("TESSERA_AUDIT_MAX_EVENTS", bad), HasSubstr("audit.max_events")) << bad;
  }
  EXPECT_TRUE(Accepts("TESSERA_LOG_FORMAT", "json"));
  EXPECT_THAT(ErrorOf("TESSERA_LOG_FORMAT", "JSON"), HasSubstr("expected \"text\" or \"json\""));
}

}  // namespace
}  // namespace tessera::server
