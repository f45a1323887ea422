// Making, sealing and opening keys: NewSigningKey, NewSharedKey, NewStoreEpoch and UnsealKeys of
// stored_key_ring.h.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/auth/stored_key_ring.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/key_set_version.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;

constexpr size_t kMacKeyBytes = 32;
constexpr size_t kMacKidBytes = 16;
constexpr size_t kEpochBytes = 16;

absl::Status Broken(const StoredKey& key) {
  return absl::FailedPreconditionError(absl::StrCat("key ", key.kid, " is not what its row says"));
}

absl::Status SealInto(StoredKey& key, const Secret& plain, const Sealer& sealer) {
  TESSERA_ASSIGN_OR_RETURN(Sealer::Sealed sealed, sealer.Seal(key.kid, key.use, plain));
  key.sealed = std::move(sealed.blob);
  key.master_key_id = std::move(sealed.master_key_id);
  return absl::OkStatus();
}

StoredKey ActiveKey(KeyUse use, std::string kid, Algorithm algorithm, absl::Time now) {
  StoredKey key;
  key.kid = std::move(kid);
  key.use = use;
  key.algorithm = std::string(AlgorithmName(algorithm));
  key.state = KeyState::kActive;
  key.created_at = now;
  key.activated_at = now;
  return key;
}

std::string HashOf(const std::string& kid) {
  const IdHash hash = IdHashOf(kid);
  return {hash.begin(), hash.end()};
}

// The kid of an asymmetric key is its thumbprint, so the row cannot give it another's name.
absl::StatusOr<SigningKey> OpenSigning(const StoredKey& row, const Sealer& sealer) {
  TESSERA_ASSIGN_OR_RETURN(const Secret plain, sealer.Open(row));
  absl::StatusOr<SigningKey> key = SigningKey::FromPrivateJwk(plain.Reveal());
  if (!key.ok() || key->kid() != row.kid || AlgorithmName(key->algorithm()) != row.algorithm) {
    return Broken(row);
  }
  return key;
}

absl::StatusOr<Secret> OpenShared(const StoredKey& row, const Sealer& sealer) {
  TESSERA_ASSIGN_OR_RETURN(Secret plain, sealer.Open(row));
  if (plain.Reveal().size() != kMacKeyBytes) return Broken(row);
  return plain;
}

template <typename Key>
const Key* Find(const std::map<std::string, Key>& keys, const std::string& kid) {
  const auto place = keys.find(kid);
  return place == keys.end() ? nullptr : &place->second;
}

// Opens a set, row by row.
class Unsealing {
 public:
  Unsealing(const Sealer& sealer, const KeySnapshot* held) : sealer_(sealer), held_(held) {}

  void Add(const StoredKey& row) {
    if (row.state == KeyState::kRevoked) {
      if (row.use == KeyUse::kMac) next_->revoked_macs.insert(HashOf(row.kid));
      return;
    }
    switch (row.use) {
      case KeyUse::kSign:
        return AddSigning(row);
      case KeyUse::kMac:
        return AddMac(row);
      case KeyUse::kSecretHash:
        return AddKept(row, &KeySnapshot::secret_hashes);
      case KeyUse::kSeal:
        return AddKept(row, &KeySnapshot::seals);
      case KeyUse::kAudit:
        return AddKept(row, &KeySnapshot::audits);
    }
    faults_.push_back({row.kid, row.master_key_id, false, Broken(row)});
  }

  absl::StatusOr<UnsealedKeys> Finish(const StoredKeySet& stored) && {
    next_->version = stored.version;
    next_->store_epoch = stored.store_epoch;
    next_->rows = std::make_shared<const StoredKeySet>(stored);
    next_->loaded_version = LoadedVersion();
    Choose();
    TESSERA_RETURN_IF_ERROR(MakeSets());
    return UnsealedKeys{std::move(next_), std::move(faults_)};
  }

 private:
  // The key of the row, or the one that is held, or nothing; all but the first are faults.
  template <typename Key>
  std::optional<Key> Judge(const StoredKey& row, absl::StatusOr<Key> opened, const Key* held) {
    if (opened.ok()) return *std::move(opened);
    faults_.push_back({row.kid, row.master_key_id, held != nullptr, opened.status()});
    if (held == nullptr) return std::nullopt;
    return *held;
  }

  // A key that is held is not parsed again: only whether its row still opens is looked at.
  void AddSigning(const StoredKey& row) {
    const SigningKey* held = held_ == nullptr ? nullptr : Find(held_->signing_keys, row.kid);
    const bool same = held != nullptr && AlgorithmName(held->algorithm()) == row.algorithm &&
                      sealer_.Open(row).ok();
    std::optional<SigningKey> key =
        same ? *held : Judge<SigningKey>(row, OpenSigning(row, sealer_), held);
    if (!key.has_value()) return;
    next_->signing_keys.emplace(row.kid, *std::move(key));
    NoteActive(row);
  }

  void AddMac(const StoredKey& row) {
    const Secret* held = held_ == nullptr ? nullptr : Find(held_->macs, row.kid);
    std::optional<Secret> key = Judge<Secret>(row, OpenShared(row, sealer_), held);
    if (!key.has_value()) return;
    next_->AddMac(row.kid, *std::move(key));
    NoteActive(row);
  }

  void AddKept(const StoredKey& row, std::map<std::string, Secret> KeySnapshot::*keys) {
    const Secret* held = held_ == nullptr ? nullptr : Find(held_->*keys, row.kid);
    std::optional<Secret> key = Judge<Secret>(row, OpenShared(row, sealer_), held);
    if (!key.has_value()) return;
    (next_.get()->*keys).insert_or_assign(row.kid, *std::move(key));
    NoteActive(row);
  }

  void NoteActive(const StoredKey& row) {
    if (row.state != KeyState::kActive) return;
    Active& active = active_[row.use];
    const absl::Time since = row.activated_at.value_or(absl::InfinitePast());
    if (!active.kid.empty() && since < active.since) return;
    active = {row.kid, since};
  }

  // The kid of the active key; without one that was opened, `so_far` if it is still in `keys`.
  template <typename Key>
  std::string ActiveOf(KeyUse use, const std::map<std::string, Key>& keys,
                       const std::string& so_far) const {
    const auto active = active_.find(use);
    if (active != active_.end()) return active->second.kid;
    return Find(keys, so_far) == nullptr ? "" : so_far;
  }

  void Choose() {
    static const KeySnapshot nothing;
    const KeySnapshot& held = held_ == nullptr ? nothing : *held_;
    const std::string signing =
        ActiveOf(KeyUse::kSign, next_->signing_keys,
                 held.signing.has_value() ? held.signing->kid() : std::string());
    if (!signing.empty()) next_->signing = next_->signing_keys.at(signing);
    next_->mac_kid = ActiveOf(KeyUse::kMac, next_->macs, held.mac_kid);
    next_->secret_hash_kid =
        ActiveOf(KeyUse::kSecretHash, next_->secret_hashes, held.secret_hash_kid);
    next_->seal_kid = ActiveOf(KeyUse::kSeal, next_->seals, held.seal_kid);
    next_->audit_kid = ActiveOf(KeyUse::kAudit, next_->audits, held.audit_kid);
  }

  int64_t LoadedVersion() const {
    const bool complete =
        std::all_of(faults_.begin(), faults_.end(), [](const auto& fault) { return fault.held; });
    if (complete) return next_->version;
    const bool same = held_ != nullptr && held_->store_epoch == next_->store_epoch;
    return same ? std::min(held_->loaded_version, next_->version - 1) : 0;
  }

  absl::Status MakeSets() {
    std::vector<VerifyKey> verify;
    for (const auto& [kid, key] : next_->signing_keys) verify.push_back(key.ToVerifyKey());
    TESSERA_ASSIGN_OR_RETURN(JwkSet set, JwkSet::Of(std::move(verify)));
    // A replica that lacks a key does not pass for one that has it.
    next_->jwks_json =
        WithVersion(set.ToJson(), {Base64UrlEncode(next_->store_epoch), next_->loaded_version});
    next_->verify = std::make_shared<const JwkSet>(std::move(set));
    next_->shared_jwks = SharedJwks(next_->signing_keys);
    return absl::OkStatus();
  }

  // For guards that share our keys: the shared ones whole, of the others the public part.
  static Secret SharedJwks(const std::map<std::string, SigningKey>& keys) {
    const bool shared = std::any_of(keys.begin(), keys.end(), [](const auto& entry) {
      return entry.second.algorithm() == Algorithm::kHs256;
    });
    if (!shared) return {};
    std::string json;
    json.reserve(JwkSet::kMaxBytes);  // no growing, which would leave copies behind
    json.append("{\"keys\":[");
    for (const auto& [kid, key] : keys) {
      if (json.back() == '}') json.push_back(',');
      key.algorithm() == Algorithm::kHs256 ? json.append(key.ToPrivateJwk().Reveal())
                                           : json.append(key.ToVerifyKey().ToPublicJwk());
    }
    json.append("]}");
    Secret text = Secret::CopyOf(json);
    WipeString(json);
    return text;
  }

  struct Active {
    std::string kid;
    absl::Time since;
  };
  const Sealer& sealer_;
  const KeySnapshot* const held_;
  std::shared_ptr<KeySnapshot> next_ = std::make_shared<KeySnapshot>();
  std::map<KeyUse, Active> active_;
  std::vector<UnsealedKeys::Fault> faults_;
};

}  // namespace

absl::StatusOr<StoredKey> NewSigningKey(Algorithm algorithm, const Sealer& sealer, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Generate(algorithm));
  StoredKey stored = ActiveKey(KeyUse::kSign, key.kid(), algorithm, now);
  stored.public_jwk = key.ToVerifyKey().ToPublicJwk();
  TESSERA_RETURN_IF_ERROR(SealInto(stored, key.ToPrivateJwk(), sealer));
  return stored;
}

absl::StatusOr<StoredKey> NewSharedKey(KeyUse use, const Sealer& sealer, absl::Time now) {
  StoredKey stored =
      ActiveKey(use, Base64UrlEncode(RandomBytes(kMacKidBytes)), Algorithm::kHs256, now);
  TESSERA_RETURN_IF_ERROR(SealInto(stored, Secret(RandomBytes(kMacKeyBytes)), sealer));
  return stored;
}

void KeySnapshot::AddMac(std::string kid, Secret key) {
  mac_kids.insert_or_assign(HashOf(kid), kid);
  macs.insert_or_assign(std::move(kid), std::move(key));
}

std::string NewStoreEpoch() { return RandomBytes(kEpochBytes); }

absl::StatusOr<UnsealedKeys> UnsealKeys(const StoredKeySet& stored, const Sealer& sealer,
                                        const KeySnapshot* held) {
  if (stored.store_epoch.size() != kEpochBytes) {
    return absl::FailedPreconditionError("the store's epoch is not of 16 bytes");
  }
  Unsealing unsealing(sealer, held);
  for (const StoredKey& row : stored.keys) unsealing.Add(row);
  return std::move(unsealing).Finish(stored);
}

}  // namespace tessera::server
