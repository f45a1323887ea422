#include "server/rpc/caller_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/base/temporary_folder.h"
#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kDevice[] = "dev_0123456789abcdef";

class ClientCertificateTest : public ::testing::Test {
 protected:
  // A certificate in PEM with these subject alternative names, as openssl writes them.
  std::string Make(const std::string& names) {
    const std::string extension = names.empty() ? "" : "-addext 'subjectAltName=" + names + "' ";
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=ada " +
        extension + "-keyout /dev/null -out " + folder_.Path("c.pem") + " 2>/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return folder_.Read("c.pem");
  }
  // What another program makes of it.
  std::string ThumbprintByOpenssl() {
    const std::string command = "openssl x509 -in " + folder_.Path("c.pem") +
                                " -outform der | openssl dgst -sha256 -binary | basenc"
                                " --base64url | tr -d '=\n' > " +
                                folder_.Path("thumbprint");
    EXPECT_EQ(std::system(command.c_str()), 0);
    return folder_.Read("thumbprint");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ClientCertificateTest, TheThumbprintIsWhatOthersMakeOfIt) {
  const auto certificate = ReadClientCertificate(Make(""));
  ASSERT_TRUE(certificate.has_value());
  EXPECT_EQ(certificate->thumbprint, ThumbprintByOpenssl());
  EXPECT_THAT(certificate->names, IsEmpty());  // a common name is no name
}

TEST_F(ClientCertificateTest, OnlyDnsAndUriNamesCount) {
  const auto certificate =
      ReadClientCertificate(Make("email:ada@example.test,DNS:orders.example.test,IP:10.0.0.1,"
                                 "URI:spiffe://example.test/orders,DNS:billing"));
  ASSERT_TRUE(certificate.has_value());
  EXPECT_THAT(certificate->names,
              ElementsAre("orders.example.test", "spiffe://example.test/orders", "billing"));
}

// A name that some reader would cut short is no name: `good.example\0.evil.example`.
TEST_F(ClientCertificateTest, ANameWithANulOrASpaceInItIsLeftOut) {
  folder_.Write("openssl.cnf",
                "[req]\ndistinguished_name = dn\n[dn]\n[names]\n"
                "subjectAltName = DER:30:11:82:08:67:6f:6f:64:00:62:61:64:82:05:66:69:6e:65:21\n");
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ada"
      " -config " +
      folder_.Path("openssl.cnf") + " -extensions names -keyout /dev/null -out " +
      folder_.Path("c.pem") + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto certificate = ReadClientCertificate(folder_.Read("c.pem"));
  ASSERT_TRUE(certificate.has_value());
  EXPECT_THAT(certificate->names, ElementsAre("fine!"));
}

TEST_F(ClientCertificateTest, WhatIsNoCertificateIsNone) {
  EXPECT_FALSE(ReadClientCertificate("").has_value());
  EXPECT_FALSE(ReadClientCertificate("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                     "-----END CERTIFICATE-----\n")
                   .has_value());
}

class DeviceMetadata : public ::testing::Test {
 protected:
  void SetUp() override { server_.Start(); }
  // The field that a login is refused for, empty if it succeeds.
  std::string LoginRefused(const std::vector<std::string>& devices) {
    const auto context = With("");
    for (const std::string& device : devices) {
      context->AddMetadata(std::string(kDeviceMetadata), device);
    }
    v1::LoginRequest request;
    request.set_username("admin");
    request.set_password(kAdminPassword);
    v1::LoginResponse response;
    const grpc::Status status = server_.Auth()->Login(context.get(), request, &response);
    return status.ok() ? "" : status.error_message().substr(0, status.error_message().rfind(':'));
  }

  InProcessServer server_;
};

TEST_F(DeviceMetadata, IsOneDeviceIdOrNone) {
  const std::string refused = "FIELD_INVALID: tessera-device-id";
  EXPECT_EQ(LoginRefused({}), "");
  EXPECT_EQ(LoginRefused({kDevice}), "");
  EXPECT_EQ(LoginRefused({kDevice, kDevice}), refused);
  EXPECT_EQ(LoginRefused({"short"}), refused);
  EXPECT_EQ(LoginRefused({""}), refused);
  EXPECT_EQ(LoginRefused({std::string(129, 'a')}), refused);
  EXPECT_EQ(LoginRefused({std::string("dev_0123456789 abcdef")}), refused);
}

}  // namespace
}  // namespace tessera::server
