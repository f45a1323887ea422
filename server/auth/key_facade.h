// The administrators' way to the keys: the rules of AuthService, without gRPC.
#ifndef TESSERA_SERVER_AUTH_KEY_FACADE_H_
#define TESSERA_SERVER_AUTH_KEY_FACADE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_trail.h"
#include "server/auth/key_changes.h"
#include "server/auth/key_rotator.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/sealer.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"

namespace tessera::server {

// Whether `actor` may administer now, asked in the transaction of a change. Not OK: nothing is
// changed.
using AdministratorCheck = absl::Status (*)(storage::Repositories&, const UserId& actor);

// Thread-safe. Every method blocks on the store. `actor` is the administrator who asks; each change
// asks in its own transaction whether that one may still (of MarkRestored the change of the keys,
// which comes first). What was changed is durable when a method returns, and this replica acts on
// it; with UNAVAILABLE OUTCOME_UNKNOWN it may be so.
class KeyFacade {
 public:
  // All references must outlive the facade. `check`: RefuseUnlessAdministrator
  // (server/user/administrators.h); without one nobody may.
  struct Parts {
    storage::Store& store;
    const KeyChanges& changes;
    KeyRotator& rotator;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    AuditTrail& audit;
    AdministratorCheck check;
  };
  KeyFacade(Sealer sealer, Parts parts) : sealer_(std::move(sealer)), parts_(parts) {}

  // The keys as the store has them, the oldest first; nothing of what is sealed in them.
  absl::StatusOr<StoredKeySet> List(const CallInfo& call) const;
  // A new signing key: pending, or active if nobody had to be waited for. FAILED_PRECONDITION
  // ROTATION_UNDER_WAY, RESOURCE_EXHAUSTED TOO_MANY.
  absl::StatusOr<storage::StoredKey> Rotate(const CallInfo& call, const std::string& actor) const;
  // Ends a key and what it signed. NOT_FOUND KEY_NOT_FOUND, also for one that nobody may call back
  // (MayBeCalledBack).
  absl::Status Revoke(const CallInfo& call, const std::string& actor, const std::string& kid) const;
  // FAILED_PRECONDITION KEYS_UNAVAILABLE: a key that no master key of this replica opens.
  absl::StatusOr<KeyChanges::Rewrapped> Rewrap(const CallInfo& call,
                                               const std::string& actor) const;
  // How many sessions were ended: all (store_restoration.h).
  absl::StatusOr<int64_t> MarkRestored(const CallInfo& call, const std::string& actor) const;

 private:
  absl::Status RefuseUnlessPermitted(storage::Repositories& in, const UserId& actor) const;
  // Takes an administrative event down in the transaction of the change that it tells of, if the
  // actor may make it; about `target`, or about the change's own key.
  KeyRecord Record(const CallInfo& call, std::string_view event, const std::string& actor,
                   const std::string& target) const;

  const Sealer sealer_;
  const Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KEY_FACADE_H_
