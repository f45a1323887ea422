// Projected service-account tokens of Kubernetes as proof of who asks.
#ifndef TESSERA_SERVER_AUTH_KUBERNETES_TOKENS_H_
#define TESSERA_SERVER_AUTH_KUBERNETES_TOKENS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/service_credentials.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/guard/key_source.h"
#include "tessera/guard/parking_lot.h"

namespace tessera::server {

// No token of a cluster may live longer: what has no end, or a year (as those for the cluster's own
// API may), is no proof of who runs now.
inline constexpr absl::Duration kMaxKubernetesTokenLife = absl::Hours(48);
// Calls that wait for the cluster's keys at the same time, and how long.
inline constexpr size_t kMaxCallsForKeys = 1024;
inline constexpr absl::Duration kMaxWaitForKeys = absl::Seconds(6);

// Thread-safe. Judges by the cluster's keys alone: it does not ask the cluster whether the pod
// still runs, so a token is good until it ends.
class KubernetesTokens {
 public:
  struct Options {
    std::string issuer;    // the cluster's, `iss`
    std::string audience;  // `aud` must hold it; others beside it are let pass
    absl::Duration leeway = absl::Seconds(5);
  };
  KubernetesTokens(Options options, std::shared_ptr<KeySource> keys);

  // `namespace/name` of the service account that the token proves. Memory only. UNAUTHENTICATED
  // with one of the TOKEN_ reasons, for the log. UNAVAILABLE KEYS_UNAVAILABLE: no key is there.
  absl::StatusOr<std::string> NameOf(std::string_view token, absl::Time now) const;

  // Whether newer keys are wanted for this credential: it is a cluster's token and its key is not
  // there. Memory only.
  bool LacksKeyFor(const ServiceCredential& credential) const;
  // Calls `ready` exactly once, when newer keys have been asked for, at the latest after `limit`
  // (cut to kMaxWaitForKeys), on any thread; blocks nobody. OK: judge now. UNAVAILABLE
  // KEYS_UNAVAILABLE: they could not be had, or too many wait.
  void AwaitKeys(absl::Duration limit, const std::function<void(absl::Status)>& ready);

  // Answers all who wait, and lets no more wait.
  void Drain() { lot_.Drain(); }

 private:
  const Options options_;
  const std::shared_ptr<KeySource> keys_;
  guard::ParkingLot lot_;
};

// Credentials of kind KubernetesCredential: the account that has the token's `namespace/name`.
class KubernetesCheck final : public CredentialCheck {
 public:
  // The references must outlive the check.
  KubernetesCheck(const KubernetesTokens& tokens, storage::Store& store, const Clock& clock)
      : tokens_(tokens), store_(store), clock_(clock) {}

  absl::Status Screen(const CallInfo& call, const ServiceCredential& credential) const override;
  absl::StatusOr<ServiceProof> Prove(const CallInfo& call,
                                     const ServiceCredential& credential) const override;

 private:
  absl::StatusOr<std::string> NameOf(const ServiceCredential& credential) const;

  const KubernetesTokens& tokens_;
  storage::Store& store_;
  const Clock& clock_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KUBERNETES_TOKENS_H_
