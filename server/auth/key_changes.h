// Changes of the key set, each one transaction that succeeds only if nobody was faster.
#ifndef TESSERA_SERVER_AUTH_KEY_CHANGES_H_
#define TESSERA_SERVER_AUTH_KEY_CHANGES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_states.h"
#include "server/auth/pruning_clock.h"
#include "server/auth/sealer.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// How long background work on the key set waits for the store.
inline constexpr absl::Duration kKeyStoreTimeout = absl::Seconds(5);

struct KeyChange;
// Takes a change down in its own transaction, before the feed's entries.
using KeyRecord = std::function<absl::Status(storage::Repositories&, const KeyChange&)>;

// What one transaction does to the key set, and with it.
struct KeyChange {
  std::vector<storage::StoredKey> insert;
  std::vector<storage::StoredKey> update;
  std::vector<storage::StoredKey> remove;
  std::vector<storage::Revocation> revoke;
  std::string store_epoch;  // empty: as it is
  KeyRecord record;         // empty: nothing is taken down
};

// Writes `change` and raises the version, if that is still `from`; new keys are marked as published
// by the version that follows. ABORTED: somebody else was faster, or this change is in already (its
// answer was lost): look again. Blocks on the store.
absl::Status CommitKeyChange(storage::Store& store, int64_t from, const KeyChange& change,
                             absl::Time deadline);

// What the store holds now. Blocks on the store.
absl::StatusOr<StoredKeySet> ReadKeySet(storage::Store& store, absl::Time deadline);

// Thread-safe. Every method blocks on the store, and fails as it does;
// UNAVAILABLE STORAGE_UNAVAILABLE also when others change the key set all the time.
class KeyChanges {
 public:
  // The references must outlive the changes.
  struct Parts {
    storage::Store& store;
    const Clock& clock;
    LogSink& log;
  };
  KeyChanges(KeyPolicy policy, Sealer sealer, Parts parts)
      : policy_(policy), sealer_(std::move(sealer)), parts_(parts), pruning_(parts.clock) {}

  const KeyPolicy& policy() const { return policy_; }

  // Whether anything may have to be done by what `held` says, or is waited for; no store is asked.
  bool IsWork(const StoredKeySet& held, bool algorithm_counts) const;
  // Takes the next steps that are due, by what the store says now. True if there were any.
  // ABORTED: somebody else has changed the key set meanwhile; there is always a next time.
  absl::StatusOr<bool> Advance(bool algorithm_counts, absl::Time deadline) const;

  // A new signing key, pending. FAILED_PRECONDITION ROTATION_UNDER_WAY: there is a pending one;
  // RESOURCE_EXHAUSTED TOO_MANY: kMaxKeysOfOneUse still verify.
  absl::StatusOr<storage::StoredKey> Publish(absl::Time deadline,
                                             const KeyRecord& record = {}) const;

  // Ends a key with a feed entry. If it was the active one, the pending one, or else a new one, is
  // active in the same transaction. OK if it was revoked before. NOT_FOUND KEY_NOT_FOUND.
  absl::StatusOr<storage::StoredKey> Revoke(const std::string& kid, absl::Time deadline,
                                            const KeyRecord& record = {}) const;

  struct Rewrapped {
    std::string master_key_id;
    int64_t count = 0;
  };
  // Seals every key that is sealed under another master key under the first one.
  // FAILED_PRECONDITION (for the operator): a key that no master key here opens; nothing is
  // changed.
  absl::StatusOr<Rewrapped> Rewrap(absl::Time deadline, const KeyRecord& record = {}) const;

 private:
  struct Overview {
    StoredKeySet set;
    KeySituation situation;
  };
  absl::StatusOr<Overview> Look(bool algorithm_counts, absl::Time deadline) const;
  KeySituation SituationNow(bool algorithm_counts) const;
  absl::StatusOr<storage::StoredKey> NewKey(storage::KeyUse use) const;
  absl::StatusOr<KeyChange> ChangeOf(const KeyPlan& plan, absl::Time deadline) const;
  absl::StatusOr<KeyChange> ChangeToRevoke(const StoredKeySet& set,
                                           const storage::StoredKey& key) const;
  absl::Status AddSuccessor(const StoredKeySet& set, const storage::StoredKey& revoked,
                            KeyChange& change) const;
  absl::StatusOr<KeyChange> ChangeToRewrap(const StoredKeySet& set) const;
  absl::StatusOr<bool> IsNeeded(const storage::StoredKey& mac, absl::Time deadline) const;
  absl::Status Commit(const StoredKeySet& from, const KeyChange& change, absl::Time deadline) const;
  void Log(const KeyChange& change, int64_t version) const;

  const KeyPolicy policy_;
  const Sealer sealer_;
  const Parts parts_;
  mutable PruningClock pruning_;  // goes on from what Look reads
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KEY_CHANGES_H_
