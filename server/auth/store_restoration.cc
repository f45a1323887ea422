#include "server/auth/store_restoration.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/key_changes.h"
#include "server/auth/revocations.h"
#include "server/auth/stored_key_ring.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;

// Each try that comes to nothing means that somebody else's change succeeded.
constexpr int kMaxTries = 16;

// What replaces the keys, whatever there is to be replaced.
absl::StatusOr<KeyChange> NewLife(const RestorationParts& parts, absl::Time now) {
  KeyChange change;
  change.store_epoch = NewStoreEpoch();
  change.end_all_sessions = true;
  TESSERA_ASSIGN_OR_RETURN(auto signing, NewSigningKey(parts.policy.algorithm, parts.sealer, now));
  change.insert.push_back(std::move(signing));
  TESSERA_ASSIGN_OR_RETURN(auto mac, NewSharedKey(KeyUse::kMac, parts.sealer, now));
  change.insert.push_back(std::move(mac));
  return change;
}

// Keys that were revoked before are told of again: the feed may have lost that.
void EndKeys(const StoredKeySet& set, const KeyPolicy& policy, absl::Time now, KeyChange& change) {
  change.update.clear();
  change.revoke.clear();
  for (const storage::StoredKey& key : set.keys) {
    if (key.use == KeyUse::kSecretHash) continue;
    change.update.push_back(Revoked(key, policy, now));
    if (key.use == KeyUse::kSign) change.revoke.push_back(RevokeKeyEntry(key.kid, now));
  }
}

}  // namespace

absl::StatusOr<int64_t> MarkStoreRestored(const RestorationParts& parts, absl::Time deadline) {
  const absl::Time now = RowTime(parts.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(KeyChange change, NewLife(parts, now));
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TESSERA_ASSIGN_OR_RETURN(const StoredKeySet set, ReadKeySet(parts.store, deadline));
    EndKeys(set, parts.policy, now, change);
    // Its own answer may have been lost.
    const bool done = set.store_epoch == change.store_epoch;
    const absl::StatusOr<int64_t> ended =
        done ? 0 : CommitKeyChange(parts.store, set.version, change, now, deadline);
    if (absl::IsAborted(ended.status())) continue;
    if (ended.ok()) {
      parts.log.Warning("store.restored", {{"ended_sessions", absl::StrCat(*ended)},
                                           {"revoked_keys", absl::StrCat(change.update.size())}});
    }
    return ended;
  }
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the key set does not come to rest", absl::Seconds(1));
}

}  // namespace tessera::server
