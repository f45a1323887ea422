#include "server/auth/certificate_account.h"

#include <utility>

#include "tessera/base/status_macros.h"

namespace tessera::server {

absl::StatusOr<CertificateMatch> FindByCertificate(storage::ServiceAccountRepository& services,
                                                   const ClientCertificate& certificate) {
  if (certificate.names.size() > kMaxCertificateNames) return CertificateMatch{std::nullopt, true};
  CertificateMatch match;
  for (const std::string& name : certificate.names) {
    TESSERA_ASSIGN_OR_RETURN(auto account, services.FindByCertificateName(name));
    if (!account.has_value()) continue;
    if (match.account.has_value() && match.account->id != account->id) {
      return CertificateMatch{std::nullopt, true};
    }
    match.account = std::move(account);
  }
  return match;
}

}  // namespace tessera::server
