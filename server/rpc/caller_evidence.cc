#include "server/rpc/caller_evidence.h"

#include <grpc/grpc_security_constants.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/token/certificate.h"
#include "tessera/token/claims.h"

namespace tessera::server {
namespace {

struct OpenSslFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

// A PEM text without a passphrase asks nobody for one.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string_view View(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

// A name with a NUL or the like in it is not the name that it looks like.
bool IsPlain(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<std::string_view> NameOf(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return View(name.d.dNSName);
    case GEN_URI:
      return View(name.d.uniformResourceIdentifier);
    default:
      return std::nullopt;
  }
}

std::vector<std::string> NamesOf(const X509& certificate) {
  std::vector<std::string> result;
  const std::unique_ptr<GENERAL_NAMES, OpenSslFree> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return result;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto name = NameOf(*sk_GENERAL_NAME_value(names.get(), i));
    if (name.has_value() && IsPlain(*name)) result.emplace_back(*name);
  }
  return result;
}

}  // namespace

absl::StatusOr<std::string> DeviceIdOf(const grpc::ServerContextBase& context) {
  const auto values = context.client_metadata().equal_range(
      grpc::string_ref(kDeviceMetadata.data(), kDeviceMetadata.size()));
  if (values.first == values.second) return std::string();
  const grpc::string_ref& value = values.first->second;
  std::string device_id(value.data(), value.size());
  if (std::next(values.first) == values.second && IsDeviceId(device_id)) return device_id;
  return FieldInvalid(kDeviceMetadata, "one device id");
}

std::optional<ClientCertificate> CertificateOf(const grpc::ServerContextBase& context,
                                               ClientCertificates certificates) {
  if (certificates != ClientCertificates::kVerified) return std::nullopt;
  const auto connection = context.auth_context();
  if (connection == nullptr || !connection->IsPeerAuthenticated()) return std::nullopt;
  const auto pem = connection->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pem.size() != 1) return std::nullopt;
  return ReadClientCertificate({pem[0].data(), pem[0].size()});
}

std::optional<ClientCertificate> ReadClientCertificate(std::string_view pem) {
  ClientCertificate result;
  result.thumbprint = CertificateThumbprint(pem);
  if (result.thumbprint.empty() || pem.size() > INT_MAX) return std::nullopt;
  const std::unique_ptr<BIO, OpenSslFree> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return std::nullopt;
  const std::unique_ptr<X509, OpenSslFree> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, nullptr));
  if (certificate != nullptr) result.names = NamesOf(*certificate);
  ERR_clear_error();  // this thread's, of a certificate without names
  return result;
}

}  // namespace tessera::server
