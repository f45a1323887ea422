#include "tessera/token/certificate.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>

namespace tessera {
namespace {

const std::string kPem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBeTCCAR+gAwIBAgIUGkDy6aYI+4OFpBzYKpTP94F3zFswCgYIKoZIzj0EAwIw\n"
    "ETEPMA0GA1UEAwwGdmVjdG9yMCAXDTI2MTEyMjA1NDEyNVoYDzIxMjYxMDI5MDU0\n"
    "MTI1WjARMQ8wDQYDVQQDDAZ2ZWN0b3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
    "AAT9TZgYEn0voqGipheyPBZg8HhjARRlYZTGYv9vkaPDzUNBE40u69Fuf9bKNBcg\n"
    "ospjUYWcpP6qEsF9c42aZ8BAo1MwUTAdBgNVHQ4EFgQUPpJD8DQpwFYB91L2o281\n"
    "Tka7mucwHwYDVR0jBBgwFoAUPpJD8DQpwFYB91L2o281Tka7mucwDwYDVR0TAQH/\n"
    "BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA/ewk29ylh06RsY3DI8qoiPky99y1\n"
    "wXlryEYE8hpmLakCIGZFzpBxokIZTZScws19WYQ3kb7IDlkvWkgGrn8eMAXq\n"
    "-----END CERTIFICATE-----\n";
// `openssl x509 -outform der | openssl dgst -sha256 -binary`, in base64url.
constexpr char kThumbprint[] = "4qUciGtDdWmh_PKMHA-Ecu6zjGGp2iHCV8sr7IyjVNQ";

TEST(CertificateThumbprint, IsTheDigestOfTheDerForm) {
  EXPECT_EQ(CertificateThumbprint(kPem), kThumbprint);
}

TEST(CertificateThumbprint, IsTheFirstCertificates) {
  EXPECT_EQ(CertificateThumbprint("a remark\n" + kPem + "\n-----BEGIN CERTIFICATE-----\n"),
            kThumbprint);
}

TEST(CertificateThumbprint, IsEmptyForAnythingElse) {
  for (const std::string& text :
       {std::string(), std::string("no"), kPem.substr(0, kPem.size() / 2),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}) {
    EXPECT_EQ(CertificateThumbprint(text), "") << text;
  }
  EXPECT_EQ(ERR_peek_error(), 0u);  // nothing left behind for the next who asks OpenSSL
}

}  // namespace
}  // namespace tessera
