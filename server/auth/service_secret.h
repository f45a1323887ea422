// The secrets of service accounts: shown once, stored as a keyed hash (server/auth/shown_secret.h).
// `tss_`, then the secret's id.
#ifndef TESSERA_SERVER_AUTH_SERVICE_SECRET_H_
#define TESSERA_SERVER_AUTH_SERVICE_SECRET_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "server/auth/service_credentials.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr std::string_view kServiceSecretPrefix = "tss_";

struct NewServiceSecret {
  Secret text;
  storage::ServiceSecret row;  // without an end
};

// A secret for `account`. UNAVAILABLE KEYS_UNAVAILABLE: no key hashes.
absl::StatusOr<NewServiceSecret> MintServiceSecret(const ServiceId& account,
                                                   const KeySnapshot& keys, absl::Time now);

// The id that a secret names, if this server may have made it; says nothing of whether it is good.
// Memory only. UNAUTHENTICATED TOKEN_MALFORMED: not of this form; TOKEN_SIGNATURE: forged.
// UNAVAILABLE KEYS_UNAVAILABLE.
absl::StatusOr<SecretId> ReadServiceSecret(const Secret& text, const KeySnapshot& keys);

// Whether `text` is the secret that `row` is of, in constant time. UNAVAILABLE KEYS_UNAVAILABLE:
// its key is not loaded yet.
absl::StatusOr<bool> IsServiceSecret(const Secret& text, const storage::ServiceSecret& row,
                                     const KeySnapshot& keys);

// Good until its end; that instant is not.
bool IsAlive(const storage::ServiceSecret& secret, absl::Time now);

// Checks SecretCredential. Thread-safe.
class ServiceSecretCheck final : public CredentialCheck {
 public:
  // All references must outlive the check.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    const Clock& clock;
  };
  explicit ServiceSecretCheck(Parts parts) : parts_(parts) {}

  absl::Status Screen(const CallInfo& call, const ServiceCredential& credential) const override;
  absl::StatusOr<ServiceProof> Prove(const CallInfo& call,
                                     const ServiceCredential& credential) const override;

 private:
  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SERVICE_SECRET_H_
