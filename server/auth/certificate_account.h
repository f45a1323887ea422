// Which service account a client certificate stands for.
#ifndef TESSERA_SERVER_AUTH_CERTIFICATE_ACCOUNT_H_
#define TESSERA_SERVER_AUTH_CERTIFICATE_ACCOUNT_H_

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "storage/service_account_repository.h"

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

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_CERTIFICATE_ACCOUNT_H_
