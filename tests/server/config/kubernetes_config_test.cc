#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;

class KubernetesConfigTest : public ::testing::Test {
 protected:
  // What is wrong with the least configuration and these lines of `[kubernetes]`.
  std::string ErrorOf(const std::string& lines) const {
    const std::string text =
        "[server]\nplaintext = true\n[keys]\nmaster_key_file = \"/m\"\n[tokens]\nissuer = "
        "\"me\"\n[kubernetes]\n" +
        lines + "\n";
    const absl::StatusOr<Config> config = LoadConfig(folder_.Write("tessera.toml", text), {});
    return config.ok() ? "accepted" : std::string(config.status().message());
  }
  std::string WithUrl(const std::string& url, const std::string& more = "") const {
    return ErrorOf("issuer = \"https://cluster\"\njwks_url = \"" + url + "\"\n" + more);
  }

  testing::TemporaryFolder folder_;
};

TEST_F(KubernetesConfigTest, MayBeLeftOut) { EXPECT_EQ(ErrorOf(""), "accepted"); }

TEST_F(KubernetesConfigTest, NeedsAnIssuerAndOneSourceOfKeys) {
  EXPECT_EQ(ErrorOf("issuer = \"https://cluster\"\njwks_file = \"/keys\""), "accepted");
  EXPECT_THAT(ErrorOf("jwks_file = \"/keys\""), HasSubstr("kubernetes.issuer"));
  EXPECT_THAT(ErrorOf("issuer = \"https://cluster\""), HasSubstr("kubernetes.jwks_url"));
  EXPECT_THAT(WithUrl("https://cluster/keys", "jwks_file = \"/keys\""),
              HasSubstr("kubernetes.jwks_url"));
}

// A token of ours must never pass for one of the cluster's.
TEST_F(KubernetesConfigTest, TheIssuerIsNotTesserasOwn) {
  EXPECT_THAT(ErrorOf("issuer = \"me\"\njwks_file = \"/keys\""), HasSubstr("kubernetes.issuer"));
}

TEST_F(KubernetesConfigTest, TheUrlIsHttpsOrOnLoopback) {
  for (const char* good : {"https://cluster.example/openid/v1/jwks", "https://10.0.0.1:6443/keys",
                           "https://[2001:db8::1]:6443/keys", "http://127.0.0.1:8001/keys",
                           "http://localhost/keys", "http://[::1]/keys", "https://cluster"}) {
    EXPECT_EQ(WithUrl(good), "accepted") << good;
  }
  for (const char* bad :
       {"cluster.example", "http://cluster.example/keys", "http://127.0.0.1@evil.example/",
        "http://127.0.0.1.evil.example/", "https://user:pw@cluster/keys", "file:///etc/keys",
        "https://", "https://:443/", "https://cluster:/keys", "https://cluster/a b",
        "https://cluster/#x", "HTTP://127.0.0.1/", "http://127.0.0.1%2eevil.example/",
        "https://[::1/keys"}) {
    EXPECT_THAT(WithUrl(bad), HasSubstr("kubernetes.jwks_url")) << bad;
  }
}

TEST_F(KubernetesConfigTest, AuthorityAndTokenGoWithHttpsAlone) {
  EXPECT_EQ(WithUrl("https://cluster", "ca_file = \"/ca\"\ntoken_file = \"/token\""), "accepted");
  EXPECT_THAT(WithUrl("http://127.0.0.1/", "ca_file = \"/ca\""), HasSubstr("kubernetes.ca_file"));
  EXPECT_THAT(WithUrl("http://127.0.0.1/", "token_file = \"/token\""),
              HasSubstr("kubernetes.token_file"));
  EXPECT_THAT(ErrorOf("issuer = \"https://cluster\"\njwks_file = \"/k\"\nca_file = \"/ca\""),
              HasSubstr("kubernetes.ca_file"));
}

TEST_F(KubernetesConfigTest, TheAudienceIsPlain) {
  EXPECT_EQ(WithUrl("https://cluster", "audience = \"tessera\""), "accepted");
  EXPECT_THAT(WithUrl("https://cluster", "audience = \"a b\""), HasSubstr("kubernetes.audience"));
}

}  // namespace
}  // namespace tessera::server
