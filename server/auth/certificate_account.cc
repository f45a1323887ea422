#include "server/auth/certificate_account.h"

#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr std::string_view kMethod = "tls_client_auth";

}  // namespace

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

absl::Status CertificateCheck::Screen(const CallInfo& call, const ServiceCredential&) const {
  if (call.certificate.has_value()) return absl::OkStatus();
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kCertificateMissing,
                 "the connection has no client certificate that the server verified");
}

absl::StatusOr<ServiceProof> CertificateCheck::Prove(const CallInfo& call,
                                                     const ServiceCredential& credential) const {
  TESSERA_RETURN_IF_ERROR(Screen(call, credential));
  CertificateMatch match;
  TESSERA_RETURN_IF_ERROR(
      store_.Read(call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(match, FindByCertificate(in.services, *call.certificate));
        return absl::OkStatus();
      }));
  if (match.ambiguous) return Unproven{"ambiguous_certificate", {}};
  if (!match.account.has_value()) return Unproven{"unknown_account", {}};
  return ProvenService{*std::move(match.account), std::string(kMethod),
                       call.certificate->thumbprint};
}

}  // namespace tessera::server
