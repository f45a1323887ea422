#include "server/rpc/service_token_wire.h"

#include <string>
#include <string_view>
#include <utility>

#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// A credential may be of any size: one that is too long is judged as a credential.
absl::StatusOr<Secret> Present(std::string_view field, const std::string& value) {
  if (value.empty()) return FieldInvalid(field, "required");
  return Secret::CopyOf(value);
}

absl::StatusOr<ServiceCredential> CredentialOf(const v1::IssueTokenRequest& request) {
  switch (request.credential_case()) {
    case v1::IssueTokenRequest::kSecret: {
      TESSERA_ASSIGN_OR_RETURN(Secret secret, Present("secret", request.secret()));
      return SecretCredential{std::move(secret)};
    }
    case v1::IssueTokenRequest::kAssertion: {
      TESSERA_ASSIGN_OR_RETURN(Secret jwt, Present("assertion", request.assertion()));
      return AssertionCredential{std::move(jwt)};
    }
    case v1::IssueTokenRequest::kKubernetesToken: {
      TESSERA_ASSIGN_OR_RETURN(Secret token,
                               Present("kubernetes_token", request.kubernetes_token()));
      return KubernetesCredential{std::move(token)};
    }
    case v1::IssueTokenRequest::kCertificate:
      return CertificateCredential{};
    default:
      return FieldInvalid("credential", "secret, assertion, kubernetes_token or certificate");
  }
}

}  // namespace

absl::StatusOr<ServiceTokenInput> Parse(const v1::IssueTokenRequest& request) {
  if (request.audience().size() > kMaxTextBytes) {
    return FieldInvalid("audience", "at most 1,024 bytes");
  }
  TESSERA_ASSIGN_OR_RETURN(ServiceCredential credential, CredentialOf(request));
  return ServiceTokenInput{std::move(credential),
                           request.audience(),
                           {request.scopes().begin(), request.scopes().end()}};
}

void Write(const IssuedServiceToken& issued, v1::IssueTokenResponse* wire) {
  wire->set_access_token(std::string(issued.access_token.Reveal()));
  Write(issued.expires_at, wire->mutable_access_expires_at());
  wire->set_service_account_id(issued.service_id.str());
  for (const std::string& scope : issued.scopes) wire->add_scopes(scope);
}

}  // namespace tessera::server
