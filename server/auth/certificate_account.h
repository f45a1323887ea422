// Which service account a client certificate stands for.
#ifndef TESSERA_SERVER_AUTH_CERTIFICATE_ACCOUNT_H_
#define TESSERA_SERVER_AUTH_CERTIFICATE_ACCOUNT_H_

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "server/auth/service_credentials.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "storage/service_account_repository.h"
#include "storage/store.h"

namespace tessera::server {

// A certificate with more names is not looked up: each name is a question to the store.
inline constexpr size_t kMaxCertificateNames = 32;

// What the names of a certificate lead to.
struct CertificateMatch {
  std::optional<storage::ServiceAccount> account;  // absent: none, or not exactly one
  bool ambiguous = false;  // names of two accounts, or too many names: stands for nobody
};

// The one account that has any of the certificate's names. Reads the store.
absl::StatusOr<CertificateMatch> FindByCertificate(storage::ServiceAccountRepository& services,
                                                   const ClientCertificate& certificate);

// Credentials of kind CertificateCredential. The tokens are bound to the certificate: whoever else
// gets hold of one cannot use it.
class CertificateCheck final : public CredentialCheck {
 public:
  // `store` must outlive the check.
  explicit CertificateCheck(storage::Store& store) : store_(store) {}

  // FAILED_PRECONDITION CERTIFICATE_MISSING: the connection has none that the server verified.
  absl::Status Screen(const CallInfo& call, const ServiceCredential& credential) const override;
  absl::StatusOr<ServiceProof> Prove(const CallInfo& call,
                                     const ServiceCredential& credential) const override;

 private:
  storage::Store& store_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_CERTIFICATE_ACCOUNT_H_
