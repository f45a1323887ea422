// Tokens for service accounts (IssueToken): who has proven itself gets what it may ask for.
#ifndef TESSERA_SERVER_AUTH_SERVICE_TOKEN_ISSUER_H_
#define TESSERA_SERVER_AUTH_SERVICE_TOKEN_ISSUER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/service_credentials.h"
#include "server/call_info.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace tessera::server {

struct IssuedServiceToken {
  Secret access_token;
  absl::Time expires_at;
  ServiceId service_id;
  std::vector<std::string> scopes;
};

// Thread-safe, immutable.
class ServiceTokenIssuer {
 public:
  // Null: credentials of this kind are not served, FIELD_UNSUPPORTED.
  struct Checks {
    const CredentialCheck* secret = nullptr;
    const CredentialCheck* assertion = nullptr;
    const CredentialCheck* kubernetes = nullptr;
    const CredentialCheck* certificate = nullptr;
  };
  // All references must outlive the issuer, and so must the checks.
  struct Parts {
    const KeyRing& keys;
    const Clock& clock;
    LogSink& log;
  };
  ServiceTokenIssuer(TokenPolicy policy, Checks checks, Parts parts)
      : policy_(std::move(policy)), checks_(checks), parts_(parts) {}

  // Before Issue, so that what is forged stays out of the lane that it blocks. Memory only.
  // FIELD_UNSUPPORTED; FIELD_INVALID: an audience that this server issues no tokens for, too many
  // scopes, or one twice; UNAUTHENTICATED BAD_CREDENTIALS; UNAVAILABLE KEYS_UNAVAILABLE.
  absl::StatusOr<ServiceTokenInput> Check(const CallInfo& call, ServiceTokenInput input) const;

  // Blocks on the store. UNAUTHENTICATED BAD_CREDENTIALS: nobody is proven, or the account is
  // disabled; one answer. An account that loses something between the reading and the signature
  // gets a token that carries its older version, and the feed's entry ends that token before it is
  // used: whoever takes away has to wait for nobody here. PERMISSION_DENIED
  // NOT_ALLOWED: the account may not ask for this audience or scope. FAILED_PRECONDITION
  // TOKEN_TOO_LARGE; UNAVAILABLE KEYS_UNAVAILABLE: no key signs.
  absl::StatusOr<IssuedServiceToken> Issue(const CallInfo& call,
                                           const ServiceTokenInput& input) const;

 private:
  absl::StatusOr<const CredentialCheck*> CheckFor(const ServiceCredential& credential) const;
  void LogRefusal(const CallInfo& call, const ServiceTokenInput& input, const Unproven& why) const;
  absl::Status Refused(const CallInfo& call, const ServiceTokenInput& input,
                       const Unproven& why) const;
  absl::StatusOr<IssuedServiceToken> Sign(const ServiceTokenInput& input,
                                          const ProvenService& proven) const;

  TokenPolicy policy_;
  Checks checks_;
  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SERVICE_TOKEN_ISSUER_H_
