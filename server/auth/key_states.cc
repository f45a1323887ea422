#include "server/auth/key_states.h"

#include <algorithm>
#include <utility>

#include "server/auth/revocations.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;

// How long what a key made can be alive.
absl::Duration LifeOf(KeyUse use, const KeyPolicy& policy) {
  switch (use) {
    case KeyUse::kSign:
      return std::max(policy.access_ttl, policy.proof_ttl) + kMaxLeeway + kRevocationSlack;
    case KeyUse::kMac:
      return policy.refresh_ttl + kRevocationSlack;
    case KeyUse::kSecretHash:
    case KeyUse::kSeal:
    case KeyUse::kAudit:
      break;
  }
  return kMaxAccessTtl + kRevocationSlack;
}

bool Verifies(const StoredKey& key) { return key.state != KeyState::kRevoked; }

// A signing key that guards have to be given by other means than the feed.
bool IsShared(const StoredKey& key) {
  return key.use == KeyUse::kSign && key.algorithm == AlgorithmName(Algorithm::kHs256);
}

bool IsFromTheFuture(absl::Time time, absl::Time now) { return time > now + kClockTolerance; }

class Planner {
 public:
  Planner(const StoredKeySet& set, const KeyPolicy& policy, const KeySituation& situation)
      : set_(set), policy_(policy), situation_(situation) {}

  KeyPlan Plan() && {
    for (const KeyUse use : {KeyUse::kSign, KeyUse::kMac}) Step(use);
    for (const KeyUse use : kKeptKeyUses) {
      if (FindActive(set_, use) == nullptr) plan_.replace.push_back(use);
    }
    for (const StoredKey& key : set_.keys) Age(key);
    return std::move(plan_);
  }

 private:
  absl::Time now() const { return situation_.now; }

  // Towards the next active key.
  void Step(KeyUse use) {
    const StoredKey* const active = FindActive(set_, use);
    const StoredKey* const pending = FindPending(set_, use);
    if (pending != nullptr) {
      if (active == nullptr || MayActivate(*pending)) Activate(*pending);
    } else if (active == nullptr) {
      plan_.replace.push_back(use);
    } else if (IsDue(*active) && CountVerifying(set_, use) < kMaxKeysOfOneUse) {
      plan_.publish.push_back(use);
    }
  }

  bool IsDue(const StoredKey& active) const {
    const bool other = active.use == KeyUse::kSign && situation_.algorithm_counts &&
                       active.algorithm != AlgorithmName(policy_.algorithm);
    if (other) return true;
    if (policy_.rotate_every <= absl::ZeroDuration()) return false;
    return now() - active.activated_at.value_or(active.created_at) >= policy_.rotate_every;
  }

  // Published for long enough, and known to everybody or waited for in vain. Guards get a shared
  // key by file: what they acknowledge says nothing of it, and they are given all the time.
  bool MayActivate(const StoredKey& pending) const {
    const absl::Time from = pending.created_at + policy_.publish_ahead;
    if (now() >= from + policy_.acknowledge_timeout) return true;
    return now() >= from && !IsShared(pending) && IsKnownToAll(pending);
  }

  // Guards never see a MAC key.
  bool IsKnownToAll(const StoredKey& pending) const {
    const auto knows = [&pending](const storage::ReplicaReport& replica) {
      return replica.key_set_version >= pending.published_version &&
             (pending.use == KeyUse::kMac ||
              replica.guards_key_set_version >= pending.published_version);
    };
    return !situation_.replicas.empty() &&
           std::all_of(situation_.replicas.begin(), situation_.replicas.end(), knows);
  }

  void Activate(const StoredKey& pending) {
    for (const StoredKey& key : set_.keys) {
      const bool replaced = key.use == pending.use && key.state == KeyState::kActive;
      if (replaced) plan_.update.push_back(Retired(key, policy_, now()));
    }
    plan_.update.push_back(Activated(pending, now()));
  }

  void Age(const StoredKey& key) {
    switch (key.state) {
      case KeyState::kPending:
      case KeyState::kActive:
        return Rebase(key);
      case KeyState::kRetiring:
      case KeyState::kRevoked:
        return End(key);
    }
  }

  // A clock that was ahead has left a time in the row that lies in the future; what waits for it to
  // age would wait for long.
  void Rebase(StoredKey key) {
    const bool planned = std::any_of(plan_.update.begin(), plan_.update.end(),
                                     [&key](const StoredKey& row) { return row.kid == key.kid; });
    absl::Time& since = key.activated_at.has_value() ? *key.activated_at : key.created_at;
    if (planned || !IsFromTheFuture(since, now())) return;
    since = now();
    plan_.update.push_back(std::move(key));
  }

  // What a key hashed that was called back stays in the store; its row says that it is void.
  void End(StoredKey key) {
    if (key.use == KeyUse::kSecretHash && key.state == KeyState::kRevoked) return;
    if (!key.verify_until.has_value()) {  // not by us: it gets its full time
      key.verify_until = now() + LifeOf(key.use, policy_);
      plan_.update.push_back(std::move(key));
    } else if (*key.verify_until < situation_.pruning_now) {
      plan_.remove.push_back(std::move(key));
    }
  }

  const StoredKeySet& set_;
  const KeyPolicy& policy_;
  const KeySituation& situation_;
  KeyPlan plan_;
};

}  // namespace

bool IsKept(KeyUse use) {
  return std::find(kKeptKeyUses.begin(), kKeptKeyUses.end(), use) != kKeptKeyUses.end();
}

bool MayBeCalledBack(KeyUse use) { return use != KeyUse::kAudit; }

bool IsCalledBack(const KeySnapshot& keys, std::string_view kid) {
  if (keys.rows == nullptr) return false;
  const std::vector<StoredKey>& rows = keys.rows->keys;
  return std::any_of(rows.begin(), rows.end(), [kid](const StoredKey& row) {
    return row.kid == kid && row.state == KeyState::kRevoked;
  });
}

KeyPlan PlanKeys(const StoredKeySet& set, const KeyPolicy& policy, const KeySituation& situation) {
  return Planner(set, policy, situation).Plan();
}

const StoredKey* FindActive(const StoredKeySet& set, KeyUse use) {
  const StoredKey* found = nullptr;
  for (const StoredKey& key : set.keys) {
    if (key.use != use || key.state != KeyState::kActive) continue;
    if (found == nullptr || key.activated_at.value_or(absl::InfinitePast()) >=
                                found->activated_at.value_or(absl::InfinitePast())) {
      found = &key;
    }
  }
  return found;
}

const StoredKey* FindPending(const StoredKeySet& set, KeyUse use) {
  const auto found = std::find_if(set.keys.begin(), set.keys.end(), [use](const StoredKey& key) {
    return key.use == use && key.state == KeyState::kPending;
  });
  return found == set.keys.end() ? nullptr : &*found;
}

size_t CountVerifying(const StoredKeySet& set, KeyUse use) {
  return static_cast<size_t>(
      std::count_if(set.keys.begin(), set.keys.end(),
                    [use](const StoredKey& key) { return key.use == use && Verifies(key); }));
}

StoredKey Activated(StoredKey key, absl::Time now) {
  key.state = KeyState::kActive;
  key.activated_at = now;
  return key;
}

StoredKey Retired(StoredKey key, const KeyPolicy& policy, absl::Time now) {
  key.state = KeyState::kRetiring;
  key.retired_at = now;
  key.verify_until = now + LifeOf(key.use, policy);
  return key;
}

// The row stays as long as the feed tells of it, or a refresh token may name it.
StoredKey Revoked(StoredKey key, const KeyPolicy& policy, absl::Time now) {
  key.state = KeyState::kRevoked;
  key.retired_at = now;
  key.verify_until = now + std::max(LifeOf(key.use, policy), kMaxAccessTtl + kRevocationSlack);
  key.sealed.clear();
  key.master_key_id.clear();
  return key;
}

StoredKey Superseded(StoredKey key, absl::Time now) {
  key.state = KeyState::kRetiring;
  key.retired_at = now;
  key.verify_until = absl::InfiniteFuture();
  return key;
}

}  // namespace tessera::server
