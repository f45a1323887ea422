// Making, sealing and opening keys: NewSigningKey, NewSharedKey, NewStoreEpoch and UnsealKeys of
// stored_key_ring.h.
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/auth/stored_key_ring.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"

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

// The kid of an asymmetric key is its thumbprint, so the row cannot give it another's name.
absl::Status AddSigning(const StoredKey& row, const Secret& plain, KeySnapshot& snapshot,
                        std::vector<VerifyKey>& verify) {
  absl::StatusOr<SigningKey> key = SigningKey::FromPrivateJwk(plain.Reveal());
  if (!key.ok() || key->kid() != row.kid || AlgorithmName(key->algorithm()) != row.algorithm) {
    return Broken(row);
  }
  verify.push_back(key->ToVerifyKey());
  if (row.state == KeyState::kActive) snapshot.signing = *std::move(key);
  return absl::OkStatus();
}

absl::Status AddMac(const StoredKey& row, Secret plain, KeySnapshot& snapshot) {
  if (plain.Reveal().size() != kMacKeyBytes) return Broken(row);
  snapshot.macs.insert_or_assign(row.kid, std::move(plain));
  if (row.state == KeyState::kActive) snapshot.mac_kid = row.kid;
  return absl::OkStatus();
}

absl::Status AddSecretHash(const StoredKey& row, Secret plain, KeySnapshot& snapshot) {
  if (plain.Reveal().size() != kMacKeyBytes) return Broken(row);
  snapshot.secret_hashes.insert_or_assign(row.kid, std::move(plain));
  if (row.state == KeyState::kActive) snapshot.secret_hash_kid = row.kid;
  return absl::OkStatus();
}

absl::Status AddKey(const StoredKey& row, const Sealer& sealer, KeySnapshot& snapshot,
                    std::vector<VerifyKey>& verify) {
  if (row.state == KeyState::kRevoked) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(Secret plain, sealer.Open(row));
  switch (row.use) {
    case KeyUse::kSign:
      return AddSigning(row, plain, snapshot, verify);
    case KeyUse::kMac:
      return AddMac(row, std::move(plain), snapshot);
    case KeyUse::kSecretHash:
      return AddSecretHash(row, std::move(plain), snapshot);
  }
  return Broken(row);
}

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

std::string NewStoreEpoch() { return RandomBytes(kEpochBytes); }

absl::StatusOr<std::shared_ptr<const KeySnapshot>> UnsealKeys(const StoredKeySet& stored,
                                                              const Sealer& sealer) {
  if (stored.store_epoch.size() != kEpochBytes) {
    return absl::FailedPreconditionError("the store's epoch is not of 16 bytes");
  }
  auto snapshot = std::make_shared<KeySnapshot>();
  snapshot->version = stored.version;
  snapshot->store_epoch = stored.store_epoch;
  std::vector<VerifyKey> verify;
  for (const StoredKey& row : stored.keys) {
    TESSERA_RETURN_IF_ERROR(AddKey(row, sealer, *snapshot, verify));
  }
  TESSERA_ASSIGN_OR_RETURN(JwkSet set, JwkSet::Of(std::move(verify)));
  snapshot->jwks_json = set.ToJson();
  snapshot->verify = std::make_shared<const JwkSet>(std::move(set));
  return std::shared_ptr<const KeySnapshot>(std::move(snapshot));
}

}  // namespace tessera::server
