// What has to happen to the keys next: pending (published, not signing) -> active -> retiring
// (verifies until its last token has expired) -> gone. Pure functions of the rows, the replicas'
// reports and the time.
#ifndef TESSERA_SERVER_AUTH_KEY_STATES_H_
#define TESSERA_SERVER_AUTH_KEY_STATES_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "storage/records.h"
#include "tessera/token/algorithm.h"
#include "tessera/token/jwk_set.h"

namespace tessera::server {

// No more keys of one use are kept that verify: whoever rotates faster than tokens expire has to
// wait. Guards take as many (JwkSet::kMaxKeys).
inline constexpr size_t kMaxKeysOfOneUse = 120;
static_assert(kMaxKeysOfOneUse < JwkSet::kMaxKeys);
// A replica that has reported within this is alive, and is waited for.
inline constexpr absl::Duration kReplicaAlive = absl::Seconds(30);
// A time further in the future than this is of a clock that was set back since.
inline constexpr absl::Duration kClockTolerance = absl::Minutes(1);
// A MAC key that live sessions may still need when its time is over gets this much more.
inline constexpr absl::Duration kLongerForSessions = absl::Hours(24);

// The uses whose keys are never replaced by age, and outlive a restoration of the store.
inline constexpr std::array<storage::KeyUse, 3> kKeptKeyUses = {
    storage::KeyUse::kSecretHash, storage::KeyUse::kSeal, storage::KeyUse::kAudit};
bool IsKept(storage::KeyUse use);
// False for keys of the audit trail: with one, all proof of what was done would be lost.
bool MayBeCalledBack(storage::KeyUse use);

// `keys.*`, and of `tokens.*` what says how long a key is needed. All replicas of a store have the
// same.
struct KeyPolicy {
  Algorithm algorithm = Algorithm::kEs256;
  absl::Duration rotate_every = absl::Hours(24 * 30);  // zero: by command alone
  absl::Duration publish_ahead = absl::Minutes(10);
  // Behind that, how long a key waits for replicas and guards at most; a shared key (HS256), which
  // no guard acknowledges, waits for all of it.
  absl::Duration acknowledge_timeout = absl::Minutes(1);
  absl::Duration access_ttl = absl::Minutes(15);
  absl::Duration refresh_ttl = absl::Hours(24 * 30);
  // For so long behind its issue an access token, expired or not, is asked for as a proof at a
  // renewal; zero: it is not.
  absl::Duration proof_ttl = absl::ZeroDuration();
  // While this replica's clock differs from the database's by more, it changes no key.
  absl::Duration max_clock_difference = absl::Seconds(5);
};

// What is known besides the rows.
struct KeySituation {
  absl::Time now;
  // Not ahead of the monotonic clock: nothing goes before its time because a clock jumped.
  absl::Time pruning_now;
  std::vector<storage::ReplicaReport> replicas;  // alive
  // A key of another algorithm than the policy's is to be replaced.
  bool algorithm_counts = false;
};

// What to do; nothing may be.
struct KeyPlan {
  std::vector<storage::KeyUse> publish;    // a new pending key of each
  std::vector<storage::KeyUse> replace;    // a new key of each, active at once: there is none
  std::vector<storage::StoredKey> update;  // rows as they shall be
  std::vector<storage::StoredKey> remove;  // of use kMac: unless a session may need it
  bool empty() const {
    return publish.empty() && replace.empty() && update.empty() && remove.empty();
  }
};

// Signing and MAC keys alike; a kept key is never replaced by age.
KeyPlan PlanKeys(const StoredKeySet& set, const KeyPolicy& policy, const KeySituation& situation);

// Whether the key was called back, as far as this replica knows: what it made is void.
bool IsCalledBack(const KeySnapshot& keys, std::string_view kid);

// The active key of a use (of several the one activated last), or null.
const storage::StoredKey* FindActive(const StoredKeySet& set, storage::KeyUse use);
// The pending one (of several the one published first), or null.
const storage::StoredKey* FindPending(const StoredKeySet& set, storage::KeyUse use);
// How many keys of a use verify.
size_t CountVerifying(const StoredKeySet& set, storage::KeyUse use);

// The rows after a key has been made active or revoked at `now`. A revoked key keeps nothing that
// it could be opened from: its state alone could be set back by whoever writes to the database.
storage::StoredKey Activated(storage::StoredKey key, absl::Time now);
storage::StoredKey Retired(storage::StoredKey key, const KeyPolicy& policy, absl::Time now);
storage::StoredKey Revoked(storage::StoredKey key, const KeyPolicy& policy, absl::Time now);
// The row of a key that was called back and still has to open what it sealed (kSeal): it seals
// nothing more, and never goes.
storage::StoredKey Superseded(storage::StoredKey key, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KEY_STATES_H_
