#include "server/auth/key_changes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/clock_watch.h"
#include "server/auth/revocations.h"
#include "server/auth/stored_key_ring.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;

// Each try that comes to nothing means that somebody else's change succeeded.
constexpr int kMaxTries = 16;

absl::Status MovedOn() { return absl::AbortedError("the key set has moved on"); }

absl::Status NoRest() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the key set does not come to rest", absl::Seconds(1));
}

const StoredKey* Find(const StoredKeySet& set, const std::string& kid) {
  const auto found = std::find_if(set.keys.begin(), set.keys.end(),
                                  [&kid](const StoredKey& key) { return key.kid == kid; });
  return found == set.keys.end() ? nullptr : &*found;
}

absl::Status WriteChange(storage::Repositories& in, int64_t from, const KeyChange& change) {
  TESSERA_ASSIGN_OR_RETURN(const bool mine, in.keys.AdvanceVersion(from));
  if (!mine) return MovedOn();
  for (StoredKey key : change.insert) {
    key.published_version = from + 1;
    TESSERA_RETURN_IF_ERROR(in.keys.Insert(key));
  }
  for (const StoredKey& key : change.update) {
    TESSERA_RETURN_IF_ERROR(in.keys.Update(key).status());
  }
  for (const StoredKey& key : change.remove) {
    TESSERA_RETURN_IF_ERROR(in.keys.Delete(key.kid).status());
  }
  return change.store_epoch.empty() ? absl::OkStatus() : in.keys.SetStoreEpoch(change.store_epoch);
}

std::string_view EventOf(KeyState state) {
  switch (state) {
    case KeyState::kPending:
      return "keys.published";
    case KeyState::kActive:
      return "keys.activated";
    case KeyState::kRetiring:
      return "keys.retiring";
    case KeyState::kRevoked:
      break;
  }
  return "keys.revoked";
}

std::string_view NameOf(KeyUse use) {
  switch (use) {
    case KeyUse::kSign:
      return "sign";
    case KeyUse::kMac:
      return "refresh";
    case KeyUse::kSecretHash:
      return "secrets";
    case KeyUse::kSeal:
      return "second_factors";
    case KeyUse::kAudit:
      break;
  }
  return "audit";
}

}  // namespace

absl::StatusOr<StoredKeySet> ReadKeySet(storage::Store& store, absl::Time deadline) {
  StoredKeySet set;
  TESSERA_RETURN_IF_ERROR(store.Read(deadline, [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(set.version, in.keys.Version());
    TESSERA_ASSIGN_OR_RETURN(set.store_epoch, in.keys.StoreEpoch());
    TESSERA_ASSIGN_OR_RETURN(set.keys, in.keys.List());
    return absl::OkStatus();
  }));
  return set;
}

absl::Status CommitKeyChange(storage::Store& store, int64_t from, const KeyChange& change,
                             absl::Time deadline) {
  const auto work = [&](storage::Repositories& in) -> absl::Status {
    TESSERA_RETURN_IF_ERROR(WriteChange(in, from, change));
    if (change.record) TESSERA_RETURN_IF_ERROR(change.record(in, change));
    return change.revoke.empty() ? absl::OkStatus() : in.revocations.Append(change.revoke);
  };
  return store.Write(storage::Repeat::kIdempotent, deadline, work);
}

KeySituation KeyChanges::SituationNow(bool algorithm_counts) const {
  KeySituation situation;
  situation.now = RowTime(parts_.clock.Now());
  situation.pruning_now = pruning_.Now();
  situation.algorithm_counts = algorithm_counts;
  return situation;
}

bool KeyChanges::IsWork(const StoredKeySet& held, bool algorithm_counts) const {
  const bool waited_for = std::any_of(held.keys.begin(), held.keys.end(), [](const StoredKey& key) {
    return key.state == KeyState::kPending;
  });
  return waited_for || !PlanKeys(held, policy_, SituationNow(algorithm_counts)).empty();
}

absl::StatusOr<KeyChanges::Overview> KeyChanges::Look(bool algorithm_counts,
                                                      absl::Time deadline) const {
  Overview seen;
  seen.situation = SituationNow(algorithm_counts);
  const absl::Time since = seen.situation.now - kReplicaAlive;
  std::optional<absl::Time> pruned;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(deadline, [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(seen.set.version, in.keys.Version());
    TESSERA_ASSIGN_OR_RETURN(seen.set.keys, in.keys.List());
    TESSERA_ASSIGN_OR_RETURN(seen.situation.replicas, in.replicas.ListSince(since));
    TESSERA_ASSIGN_OR_RETURN(pruned, in.revocations.PruningTime());
    return absl::OkStatus();
  }));
  pruning_.GoOnFrom(pruned);
  seen.situation.pruning_now = pruning_.Now();
  return seen;
}

absl::StatusOr<bool> KeyChanges::Advance(bool algorithm_counts, absl::Time deadline) const {
  TESSERA_ASSIGN_OR_RETURN(const Overview seen, Look(algorithm_counts, deadline));
  const KeyPlan plan = PlanKeys(seen.set, policy_, seen.situation);
  if (plan.empty()) return false;
  // A clock that is wrong takes the others' reports for old, and waits for nobody.
  TESSERA_ASSIGN_OR_RETURN(const absl::Duration difference,
                           ClockDifference(parts_.store, parts_.clock, kKeyStoreTimeout));
  if (absl::AbsDuration(difference) > policy_.max_clock_difference) return false;
  TESSERA_ASSIGN_OR_RETURN(const KeyChange change, ChangeOf(plan, deadline));
  if (change.insert.empty() && change.update.empty() && change.remove.empty()) return false;
  TESSERA_RETURN_IF_ERROR(Commit(seen.set, change, deadline));
  return true;
}

// Keys are made here, before the transaction: an RSA key takes a while.
absl::StatusOr<StoredKey> KeyChanges::NewKey(KeyUse use) const {
  const absl::Time now = RowTime(parts_.clock.Now());
  if (use == KeyUse::kSign) return NewSigningKey(policy_.algorithm, sealer_, now);
  return NewSharedKey(use, sealer_, now);
}

absl::StatusOr<KeyChange> KeyChanges::ChangeOf(const KeyPlan& plan, absl::Time deadline) const {
  KeyChange change;
  change.update = plan.update;
  for (const KeyUse use : plan.publish) {
    TESSERA_ASSIGN_OR_RETURN(StoredKey key, NewKey(use));
    key.state = KeyState::kPending;
    key.activated_at.reset();
    change.insert.push_back(std::move(key));
  }
  for (const KeyUse use : plan.replace) {
    TESSERA_ASSIGN_OR_RETURN(StoredKey key, NewKey(use));
    change.insert.push_back(std::move(key));
  }
  for (StoredKey key : plan.remove) {
    TESSERA_ASSIGN_OR_RETURN(const bool needed, IsNeeded(key, deadline));
    if (!needed) {
      change.remove.push_back(std::move(key));
      continue;
    }
    key.verify_until = RowTime(parts_.clock.Now()) + kLongerForSessions;
    change.update.push_back(std::move(key));
  }
  return change;
}

// A refresh token that a retired key made is of a session that began before the key retired (or
// soon after, on a replica that had not heard of it).
absl::StatusOr<bool> KeyChanges::IsNeeded(const StoredKey& mac, absl::Time deadline) const {
  if (mac.use != KeyUse::kMac || !mac.retired_at.has_value()) return false;
  bool needed = false;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(deadline, [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(needed, in.sessions.AnyLiveBegunBefore(
                                         *mac.retired_at + kRevocationSlack, parts_.clock.Now()));
    return absl::OkStatus();
  }));
  return needed;
}

absl::Status KeyChanges::Commit(const StoredKeySet& from, const KeyChange& change,
                                absl::Time deadline) const {
  TESSERA_RETURN_IF_ERROR(CommitKeyChange(parts_.store, from.version, change, deadline));
  Log(change, from.version + 1);
  return absl::OkStatus();
}

void KeyChanges::Log(const KeyChange& change, int64_t version) const {
  const auto tell = [&](std::string_view event, const StoredKey& key) {
    parts_.log.Info(event, {{"kid", key.kid},
                            {"use", std::string(NameOf(key.use))},
                            {"algorithm", key.algorithm},
                            {"version", absl::StrCat(version)}});
  };
  for (const StoredKey& key : change.insert) tell(EventOf(key.state), key);
  for (const StoredKey& key : change.update) tell(EventOf(key.state), key);
  for (const StoredKey& key : change.remove) tell("keys.removed", key);
}

absl::StatusOr<StoredKey> KeyChanges::Publish(absl::Time deadline, const KeyRecord& record) const {
  TESSERA_ASSIGN_OR_RETURN(StoredKey key, NewKey(KeyUse::kSign));
  key.state = KeyState::kPending;
  key.activated_at.reset();
  KeyChange change;
  change.record = record;
  change.insert.push_back(key);
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TESSERA_ASSIGN_OR_RETURN(const StoredKeySet set, ReadKeySet(parts_.store, deadline));
    // Its own answer may have been lost.
    if (const StoredKey* row = Find(set, key.kid); row != nullptr) return *row;
    if (FindPending(set, KeyUse::kSign) != nullptr) {
      return Refusal(absl::StatusCode::kFailedPrecondition, reason::kRotationUnderWay,
                     "a new key is waiting to become active");
    }
    if (CountVerifying(set, KeyUse::kSign) >= kMaxKeysOfOneUse) {
      return Refusal(absl::StatusCode::kResourceExhausted, reason::kTooMany,
                     "too many keys are waiting for their last tokens to expire");
    }
    const absl::Status written = Commit(set, change, deadline);
    if (written.ok()) return key;
    if (!absl::IsAborted(written)) return written;
  }
  return NoRest();
}

absl::StatusOr<StoredKey> KeyChanges::Revoke(const std::string& kid, absl::Time deadline,
                                             const KeyRecord& record) const {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TESSERA_ASSIGN_OR_RETURN(const StoredKeySet set, ReadKeySet(parts_.store, deadline));
    const StoredKey* const key = Find(set, kid);
    if (key == nullptr || !MayBeCalledBack(key->use)) {
      return Refusal(absl::StatusCode::kNotFound, reason::kKeyNotFound,
                     key == nullptr ? "there is no such key"
                                    : "the audit trail's key is not one that is called back");
    }
    const bool called_back = key->state == KeyState::kRevoked ||
                             (key->use == KeyUse::kSeal && key->state == KeyState::kRetiring);
    if (called_back) return *key;
    TESSERA_ASSIGN_OR_RETURN(KeyChange change, ChangeToRevoke(set, *key));
    change.record = record;
    const absl::Status written = Commit(set, change, deadline);
    if (written.ok()) return change.update.front();
    if (!absl::IsAborted(written)) return written;
  }
  return NoRest();
}

absl::StatusOr<KeyChange> KeyChanges::ChangeToRevoke(const StoredKeySet& set,
                                                     const StoredKey& key) const {
  const absl::Time now = RowTime(parts_.clock.Now());
  KeyChange change;
  change.update.push_back(key.use == KeyUse::kSeal ? Superseded(key, now)
                                                   : Revoked(key, policy_, now));
  if (key.use == KeyUse::kSign) change.revoke.push_back(RevokeKeyEntry(key.kid, now));
  const bool last = std::none_of(set.keys.begin(), set.keys.end(), [&key](const StoredKey& other) {
    return other.use == key.use && other.kid != key.kid && other.state == KeyState::kActive;
  });
  if (last) TESSERA_RETURN_IF_ERROR(AddSuccessor(set, key, change));
  return change;
}

// There is never a moment without an active key.
absl::Status KeyChanges::AddSuccessor(const StoredKeySet& set, const StoredKey& revoked,
                                      KeyChange& change) const {
  for (const StoredKey& key : set.keys) {
    if (key.use != revoked.use || key.state != KeyState::kPending || key.kid == revoked.kid)
      continue;
    change.update.push_back(Activated(key, RowTime(parts_.clock.Now())));
    return absl::OkStatus();
  }
  TESSERA_ASSIGN_OR_RETURN(StoredKey fresh, NewKey(revoked.use));
  change.insert.push_back(std::move(fresh));
  return absl::OkStatus();
}

absl::StatusOr<KeyChanges::Rewrapped> KeyChanges::Rewrap(absl::Time deadline,
                                                         const KeyRecord& record) const {
  Rewrapped result;
  result.master_key_id = sealer_.first_id();
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TESSERA_ASSIGN_OR_RETURN(const StoredKeySet set, ReadKeySet(parts_.store, deadline));
    TESSERA_ASSIGN_OR_RETURN(KeyChange change, ChangeToRewrap(set));
    if (change.update.empty()) return result;
    change.record = record;
    const absl::Status written = CommitKeyChange(parts_.store, set.version, change, deadline);
    result.count = static_cast<int64_t>(change.update.size());
    if (written.ok()) return result;
    if (!absl::IsAborted(written)) return written;
  }
  return NoRest();
}

absl::StatusOr<KeyChange> KeyChanges::ChangeToRewrap(const StoredKeySet& set) const {
  KeyChange change;
  for (StoredKey key : set.keys) {
    if (key.state == KeyState::kRevoked || key.master_key_id == sealer_.first_id()) continue;
    TESSERA_ASSIGN_OR_RETURN(const Secret plain, sealer_.Open(key));
    TESSERA_ASSIGN_OR_RETURN(Sealer::Sealed sealed, sealer_.Seal(key.kid, key.use, plain));
    key.sealed = std::move(sealed.blob);
    key.master_key_id = std::move(sealed.master_key_id);
    change.update.push_back(std::move(key));
  }
  return change;
}

}  // namespace tessera::server
