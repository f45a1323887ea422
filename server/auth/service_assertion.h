// Private-key JWTs: how a service account proves itself with a key of its own (RFC 7523).
#ifndef TESSERA_SERVER_AUTH_SERVICE_ASSERTION_H_
#define TESSERA_SERVER_AUTH_SERVICE_ASSERTION_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/service_credentials.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// An assertion lives no longer, so that its use need not be remembered for long.
inline constexpr absl::Duration kMaxAssertionLife = absl::Hours(1);
// The use of an assertion is remembered for so long behind the last moment that this replica would
// take it, for the sake of replicas whose clocks are behind.
inline constexpr absl::Duration kAssertionMemory = absl::Minutes(2);

// A good assertion, to be marked as used (ServiceAccountRepository::ConsumeAssertion) in the
// transaction that lets it count: without that it may be shown again.
struct AssertionUse {
  std::string hash;       // of `iss` and `jti`, as text
  absl::Time expires_at;  // until then it has to be remembered
};

// Whose assertion it claims to be, unchecked. UNAUTHENTICATED TOKEN_MALFORMED, TOKEN_ISSUER: it
// cannot be a service account's.
absl::StatusOr<ServiceId> ClaimedService(std::string_view text);

struct ServiceAssertionPolicy {
  // `aud`, alone: the server's issuer, which is one name for all replicas, and which no other
  // server has; an address would be neither (RFC 7523 section 3 leaves it to the server).
  std::string audience;
  absl::Duration leeway;
};

// Pure. `iss` and `sub` are the account's id, and one of the account's own keys signed it.
// UNAUTHENTICATED with one of the TOKEN_ reasons, for the log.
absl::StatusOr<AssertionUse> VerifyServiceAssertion(std::string_view text,
                                                    const storage::ServiceAccount& account,
                                                    const ServiceAssertionPolicy& policy,
                                                    absl::Time now);

// Credentials of kind AssertionCredential. Of two replicas that are shown one assertion at once,
// one takes it. What is not good is not marked as used, so nobody can spoil somebody else's `jti`.
class AssertionCheck final : public CredentialCheck {
 public:
  // The references must outlive the check.
  AssertionCheck(ServiceAssertionPolicy policy, storage::Store& store, const Clock& clock)
      : policy_(std::move(policy)), store_(store), clock_(clock) {}

  absl::Status Screen(const CallInfo& call, const ServiceCredential& credential) const override;
  absl::StatusOr<ServiceProof> Prove(const CallInfo& call,
                                     const ServiceCredential& credential) const override;

 private:
  absl::StatusOr<ServiceProof> Consume(const CallInfo& call, const storage::ServiceAccount& account,
                                       const AssertionUse& use) const;

  const ServiceAssertionPolicy policy_;
  storage::Store& store_;
  const Clock& clock_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SERVICE_ASSERTION_H_
