#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;

class MeshConfigTest : public ::testing::Test {
 protected:
  // What is wrong with a server over TLS and these lines of `[mesh]`.
  std::string ErrorOf(const std::string& lines) const {
    return ErrorWith("[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n", lines);
  }
  std::string ErrorWith(const std::string& server, const std::string& lines) const {
    const std::string text = server +
                             "[keys]\nmaster_key_file = \"/m\"\n[tokens]\nissuer = \"me\"\n"
                             "audiences = [\"orders\"]\n[mesh]\n" +
                             lines + "\n";
    const absl::StatusOr<Config> config = LoadConfig(folder_.Write("tessera.toml", text), {});
    return config.ok() ? "accepted" : std::string(config.status().message());
  }
  std::string WithSet(const std::string& set, const std::string& more = "") const {
    return ErrorOf("enabled = true\ndescriptor_sets = [\"" + set + "\"]\n" + more);
  }
  std::string ListeningOn(const std::string& listen, const std::string& more = "") const {
    return WithSet("orders=/orders.pb", "listen = \"" + listen + "\"\n" + more);
  }

  testing::TemporaryFolder folder_;
};

TEST_F(MeshConfigTest, IsOffUnlessItIsSwitchedOn) {
  EXPECT_FALSE(Config().mesh.enabled);
  EXPECT_EQ(ErrorOf(""), "accepted");
}

TEST_F(MeshConfigTest, NeedsADescriptorSetForAnAudienceOfServices) {
  EXPECT_EQ(WithSet("orders=/orders.pb"), "accepted");
  EXPECT_THAT(ErrorOf("enabled = true"), HasSubstr("mesh.descriptor_sets"));
  for (const char* bad : {"", "/orders.pb", "orders", "orders=", "=/orders.pb",
                          "billing=/orders.pb", " orders=/orders.pb"}) {
    EXPECT_THAT(WithSet(bad), HasSubstr("mesh.descriptor_sets")) << bad;
  }
}

// A token that is good for tesserad itself is never to be judged good for a service.
TEST_F(MeshConfigTest, TesserasOwnAudienceIsRefused) {
  EXPECT_THAT(WithSet("tessera=/orders.pb"), HasSubstr("mesh.descriptor_sets"));
}

TEST_F(MeshConfigTest, APortOfItsOwnIsOnLoopbackOrASocketUnlessItAsksForCertificates) {
  for (const char* good : {"127.0.0.1:9000", "[::1]:9000", "localhost:9000", "unix:/run/mesh"}) {
    EXPECT_EQ(ListeningOn(good), "accepted") << good;
  }
  for (const char* bad : {"0.0.0.0:9000", "10.0.0.1:9000", "[::]:9000", "mesh.example:9000",
                          "unix:", "unix-abstract:mesh", "vsock:1:2", "127.0.0.1", "nonsense"}) {
    EXPECT_THAT(ListeningOn(bad), HasSubstr("mesh.listen")) << bad;
  }
  EXPECT_EQ(ListeningOn("0.0.0.0:9000", "client_ca = \"/ca\""), "accepted");
}

TEST_F(MeshConfigTest, CertificatesNeedTlsAndAPort) {
  EXPECT_THAT(WithSet("orders=/orders.pb", "client_ca = \"/ca\""), HasSubstr("mesh.client_ca"));
  EXPECT_THAT(ListeningOn("unix:/run/mesh", "client_ca = \"/ca\""), HasSubstr("mesh.client_ca"));
  EXPECT_THAT(ErrorWith("[server]\nplaintext = true\n",
                        "enabled = true\ndescriptor_sets = [\"orders=/orders.pb\"]\n"
                        "listen = \"0.0.0.0:9000\"\nclient_ca = \"/ca\""),
              HasSubstr("mesh.client_ca"));
}

}  // namespace
}  // namespace tessera::server
