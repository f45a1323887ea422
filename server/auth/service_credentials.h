// What proves which service account asks for a token, and who checks it.
#ifndef TESSERA_SERVER_AUTH_SERVICE_CREDENTIALS_H_
#define TESSERA_SERVER_AUTH_SERVICE_CREDENTIALS_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// `tss_...`
struct SecretCredential {
  Secret secret;
};
// A JWT that a key of the account signed (RFC 7523).
struct AssertionCredential {
  Secret jwt;
};
// A projected service-account token of Kubernetes.
struct KubernetesCredential {
  Secret token;
};
// The client certificate of the connection: CallInfo has it.
struct CertificateCredential {};

using ServiceCredential = std::variant<SecretCredential, AssertionCredential, KubernetesCredential,
                                       CertificateCredential>;

struct ServiceTokenInput {
  ServiceCredential credential;
  std::string audience;  // empty: self_audience
  std::vector<std::string> scopes;
};

// Who has proven itself.
struct ProvenService {
  storage::ServiceAccount account;  // as one read found it; may be disabled
  std::string method;               // for `amr`
  std::string certificate;          // thumbprint that its tokens are bound to; empty for none
};

// Nobody has. For the log alone: the caller learns BAD_CREDENTIALS, whatever the cause.
struct Unproven {
  std::string reason;  // `unknown_secret`, `expired` ...
  ServiceId claimed;   // may be empty
};

using ServiceProof = std::variant<ProvenService, Unproven>;

// Checks credentials of one kind, and is given no other. Thread-safe.
class CredentialCheck {
 public:
  virtual ~CredentialCheck() = default;

  // Before Prove, so that what is forged for certain stays out of the lane that Prove blocks.
  // Memory only. OK: ask Prove. UNAUTHENTICATED: its message goes to the log alone. UNAVAILABLE:
  // cannot be judged yet.
  virtual absl::Status Screen(const CallInfo&, const ServiceCredential&) const {
    return absl::OkStatus();
  }
  // Blocks on the store. Fails only if nothing could be judged.
  virtual absl::StatusOr<ServiceProof> Prove(const CallInfo& call,
                                             const ServiceCredential& credential) const = 0;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SERVICE_CREDENTIALS_H_
