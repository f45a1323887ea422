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
  change.record = parts.record;
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
    if (IsKept(key.use)) continue;
    change.update.push_back(Revoked(key, policy, now));
    if (key.use == KeyUse::kSign) change.revoke.push_back(RevokeKeyEntry(key.kid, now));
  }
}

absl::Status ReplaceKeys(const RestorationParts& parts, absl::Time now, absl::Time deadline) {
  TESSERA_ASSIGN_OR_RETURN(KeyChange change, NewLife(parts, now));
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TESSERA_ASSIGN_OR_RETURN(const StoredKeySet set, ReadKeySet(parts.store, deadline));
    if (set.store_epoch == change.store_epoch) return absl::OkStatus();  // its answer was lost
    EndKeys(set, parts.policy, now, change);
    const absl::Status written = CommitKeyChange(parts.store, set.version, change, deadline);
    if (absl::IsAborted(written)) continue;
    if (written.ok()) {
      parts.log.Warning("store.keys_replaced",
                        {{"revoked_keys", absl::StrCat(change.update.size())}});
    }
    return written;
  }
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the key set does not come to rest", absl::Seconds(1));
}

// A batch whose answer is lost is run again, and ends others: it leaves nothing out.
absl::StatusOr<int64_t> EndSessions(storage::Store& store, absl::Time now, absl::Time deadline) {
  int64_t all = 0;
  int64_t ended = kRestorationBatch;
  while (ended == kRestorationBatch) {
    TESSERA_RETURN_IF_ERROR(store.Write(
        storage::Repeat::kIdempotent, deadline, [&](storage::Repositories& in) -> absl::Status {
          TESSERA_ASSIGN_OR_RETURN(ended, in.sessions.RevokeEverybodys(now, kRestorationBatch));
          return absl::OkStatus();
        }));
    all += ended;
  }
  return all;
}

// A backup knows nothing of the codes that were used behind it.
absl::Status UseUpCodes(storage::Store& store, absl::Time now, absl::Time deadline) {
  int64_t users = kRestorationBatch;
  while (users > 0) {
    TESSERA_RETURN_IF_ERROR(store.Write(
        storage::Repeat::kIdempotent, deadline, [&](storage::Repositories& in) -> absl::Status {
          TESSERA_ASSIGN_OR_RETURN(users, in.factors.UseStepsUntil(now, kRestorationBatch));
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

// `raise` does a batch behind an id, and says the last one's. Raised twice is as good as once.
template <typename Id, typename Raise>
absl::Status RaiseAll(storage::Store& store, absl::Time deadline, const Raise& raise) {
  Id after;
  do {
    Id last;
    TESSERA_RETURN_IF_ERROR(store.Write(storage::Repeat::kIdempotent, deadline,
                                        [&](storage::Repositories& in) -> absl::Status {
                                          TESSERA_ASSIGN_OR_RETURN(last, raise(in, after));
                                          return absl::OkStatus();
                                        }));
    after = last;
  } while (!after.empty());
  return absl::OkStatus();
}

absl::Status RaiseVersions(storage::Store& store, absl::Time deadline) {
  TESSERA_RETURN_IF_ERROR(
      RaiseAll<UserId>(store, deadline, [](storage::Repositories& in, const UserId& after) {
        return in.users.RaiseVersions(after, kRestoredVersionStep, kRestorationBatch);
      }));
  return RaiseAll<ServiceId>(
      store, deadline, [](storage::Repositories& in, const ServiceId& after) {
        return in.services.RaiseVersions(after, kRestoredVersionStep, kRestorationBatch);
      });
}

}  // namespace

// The keys come first: from then on no token from before is good for anything, whatever happens.
absl::StatusOr<int64_t> MarkStoreRestored(const RestorationParts& parts, absl::Time deadline) {
  const absl::Time now = RowTime(parts.clock.Now());
  TESSERA_RETURN_IF_ERROR(ReplaceKeys(parts, now, deadline));
  TESSERA_ASSIGN_OR_RETURN(const int64_t ended, EndSessions(parts.store, now, deadline));
  TESSERA_RETURN_IF_ERROR(RaiseVersions(parts.store, deadline));
  TESSERA_RETURN_IF_ERROR(UseUpCodes(parts.store, now, deadline));
  parts.log.Warning("store.restored", {{"ended_sessions", absl::StrCat(ended)}});
  return ended;
}

}  // namespace tessera::server
