#include "server/auth/stored_key_ring.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/audit/chain_mac.h"
#include "server/auth/key_changes.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;

constexpr absl::Duration kStoreTimeout = absl::Seconds(5);
// Callers wait for a key that is unknown: they hear soon that nothing can be said.
constexpr absl::Duration kRefreshTimeout = absl::Milliseconds(1500);
constexpr std::array<KeyUse, 4> kSharedUses = {KeyUse::kMac, KeyUse::kSecretHash, KeyUse::kSeal,
                                               KeyUse::kAudit};
constexpr int kMaxTries = 5;  // each lost try means that another replica has made progress

bool HasActive(const StoredKeySet& stored, KeyUse use) {
  return std::any_of(stored.keys.begin(), stored.keys.end(), [&](const StoredKey& key) {
    return key.use == use && key.state == KeyState::kActive;
  });
}

bool IsComplete(const StoredKeySet& stored) {
  return !stored.store_epoch.empty() && HasActive(stored, KeyUse::kSign) &&
         std::all_of(kSharedUses.begin(), kSharedUses.end(),
                     [&stored](KeyUse use) { return HasActive(stored, use); });
}

// Writes what is new if the key set is still at `from`; ABORTED if somebody else was faster.
absl::Status InsertKeys(storage::KeyRepository& keys, int64_t from,
                        const std::vector<StoredKey>& fresh, const std::string& epoch) {
  TESSERA_ASSIGN_OR_RETURN(const bool mine, keys.AdvanceVersion(from));
  if (!mine) return absl::AbortedError("the key set has moved on");
  for (StoredKey key : fresh) {
    key.published_version = from + 1;
    TESSERA_RETURN_IF_ERROR(keys.Insert(key));
  }
  return epoch.empty() ? absl::OkStatus() : keys.SetStoreEpoch(epoch);
}

// The key of the audit trail among `fresh`, opened; absent if there is none.
absl::StatusOr<std::optional<Secret>> FreshAuditKey(const std::vector<StoredKey>& fresh,
                                                    const Sealer& sealer) {
  for (const StoredKey& key : fresh) {
    if (key.use != KeyUse::kAudit) continue;
    TESSERA_ASSIGN_OR_RETURN(Secret opened, sealer.Open(key));
    return std::optional(std::move(opened));
  }
  return std::optional<Secret>();
}

// Seals the empty register of the audit trail's chains: here and nowhere else, or whoever can write
// to the database would blank it to have it begun anew. One that was sealed with an earlier key is
// left for `tessera audit verify` to show.
absl::Status BeginRegister(storage::AuditRepository& audit, const std::string& kid,
                           const Secret& key) {
  TESSERA_ASSIGN_OR_RETURN(storage::AuditRegister content, audit.TakeRegister());
  if (!content.kid.empty()) return absl::OkStatus();
  content.kid = kid;
  content.chains = FirstAuditMac();
  content.config.clear();
  content.tag = AuditRegisterTag(key, content);
  return audit.UpdateRegister(content);
}

std::string AuditKidOf(const std::vector<StoredKey>& fresh) {
  for (const StoredKey& key : fresh) {
    if (key.use == KeyUse::kAudit) return key.kid;
  }
  return "";
}

absl::Status Incomplete() {
  return absl::FailedPreconditionError("a key of this set cannot be opened here");
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Open(storage::Store& store, MasterKeys master,
                                                       Algorithm algorithm, const Clock& clock,
                                                       LogSink& log) {
  TESSERA_ASSIGN_OR_RETURN(Sealer sealer, Sealer::Create(std::move(master)));
  auto ring = std::make_unique<StoredKeyRing>(store, std::move(sealer), clock, log);
  TESSERA_RETURN_IF_ERROR(ring->Start(algorithm));
  return std::unique_ptr<KeyRing>(std::move(ring));
}

absl::Status StoredKeyRing::Start(Algorithm algorithm) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TESSERA_ASSIGN_OR_RETURN(const StoredKeySet stored, Read(kStoreTimeout));
    if (IsComplete(stored)) {
      TESSERA_RETURN_IF_ERROR(Publish(stored, nullptr));
      if (Current()->signing->algorithm() != algorithm) {
        log_.Warning("keys.algorithm_differs",
                     {{"active", std::string(AlgorithmName(Current()->signing->algorithm()))},
                      {"configured", std::string(AlgorithmName(algorithm))}});
      }
      return absl::OkStatus();
    }
    const absl::Status made = MakeMissing(stored, algorithm);
    if (!made.ok() && !absl::IsAborted(made)) return made;
  }
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the key set does not come to rest", absl::Seconds(1));
}

// Keys are made before the transaction: an RSA key takes a while. A run that is repeated after a
// lost COMMIT finds the version moved, and the next Read finds the keys.
absl::Status StoredKeyRing::MakeMissing(const StoredKeySet& found, Algorithm algorithm) {
  std::vector<StoredKey> fresh;
  if (!HasActive(found, KeyUse::kSign)) {
    TESSERA_ASSIGN_OR_RETURN(StoredKey key, NewSigningKey(algorithm, sealer_, clock_.Now()));
    fresh.push_back(std::move(key));
  }
  for (const KeyUse use : kSharedUses) {
    if (HasActive(found, use)) continue;
    TESSERA_ASSIGN_OR_RETURN(StoredKey key, NewSharedKey(use, sealer_, clock_.Now()));
    fresh.push_back(std::move(key));
  }
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Secret> audit_key, FreshAuditKey(fresh, sealer_));
  const std::string epoch = found.store_epoch.empty() ? NewStoreEpoch() : "";
  const absl::Status written = store_.Write(
      storage::Repeat::kIdempotent, clock_.Now() + kStoreTimeout,
      [&](storage::Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(InsertKeys(repositories.keys, found.version, fresh, epoch));
        if (!audit_key.has_value()) return absl::OkStatus();
        return BeginRegister(repositories.audit, AuditKidOf(fresh), *audit_key);
      });
  if (written.ok()) {
    for (const StoredKey& key : fresh) {
      log_.Info("keys.created", {{"kid", key.kid}, {"algorithm", key.algorithm}});
    }
  }
  return written;
}

absl::StatusOr<StoredKeySet> StoredKeyRing::Read(absl::Duration patience) {
  return ReadKeySet(store_, clock_.Now() + patience);
}

absl::Status StoredKeyRing::Refresh() {
  TESSERA_ASSIGN_OR_RETURN(const StoredKeySet stored, Read(kRefreshTimeout));
  const std::shared_ptr<const KeySnapshot> current = Current();
  if (stored.version != current->version || stored.store_epoch != current->store_epoch) {
    return Publish(stored, current.get());
  }
  return current->loaded_version == current->version ? absl::OkStatus() : Incomplete();
}

// With nothing held, at the start, everything must open.
absl::Status StoredKeyRing::Publish(const StoredKeySet& stored, const KeySnapshot* held) {
  TESSERA_ASSIGN_OR_RETURN(const UnsealedKeys unsealed, UnsealKeys(stored, sealer_, held));
  if (held == nullptr && !unsealed.faults.empty()) return unsealed.faults.front().cause;
  Report(unsealed);
  std::shared_ptr<const KeySnapshot> next = unsealed.snapshot;
  const bool complete = next->loaded_version == next->version;
  MutexLock lock(mu_);
  // Two refreshes may cross: an older reading does not replace a newer one of the same store.
  const bool older =
      next->store_epoch == current_->store_epoch && next->version < current_->version;
  if (!older) current_.swap(next);
  return complete ? absl::OkStatus() : Incomplete();
}

void StoredKeyRing::Report(const UnsealedKeys& unsealed) {
  for (const UnsealedKeys::Fault& fault : unsealed.faults) {
    log_.Error("keys.unopened", {{"kid", fault.kid},
                                 {"master_key", fault.master_key_id},
                                 {"still_held", fault.held ? "yes" : "no"},
                                 {"cause", std::string(fault.cause.message())}});
  }
  const KeySnapshot& next = *unsealed.snapshot;
  log_.Info("keys.loaded", {{"version", absl::StrCat(next.version)},
                            {"keys", absl::StrCat(next.verify->keys().size())},
                            {"signing", next.signing.has_value() ? next.signing->kid() : ""}});
}

std::shared_ptr<const KeySnapshot> StoredKeyRing::Current() const {
  MutexLock lock(mu_);
  return current_;
}

}  // namespace tessera::server
