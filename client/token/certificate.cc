#include "tessera/token/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <climits>

#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tessera/token/openssl_ptr.h"

namespace tessera {
namespace {

using BioPtr = std::unique_ptr<BIO, OpenSslFree<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, OpenSslFree<X509_free>>;

// A PEM text without a passphrase asks nobody for one.
int NoPassphrase(char*, int, int, void*) { return 0; }

}  // namespace

std::string CertificateThumbprint(std::string_view pem) {
  if (pem.empty() || pem.size() > INT_MAX) return {};
  const OpenSslErrorScope errors;
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return {};
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, nullptr));
  if (certificate == nullptr) return {};
  Sha256Digest digest;
  if (X509_digest(certificate.get(), Sha256Method(), digest.data(), nullptr) != 1) return {};
  return Base64UrlEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace tessera
