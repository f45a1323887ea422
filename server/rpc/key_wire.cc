#include "server/rpc/key_wire.h"

#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxKidBytes = 256;

v1::KeyPurpose PurposeOf(storage::KeyUse use) {
  switch (use) {
    case storage::KeyUse::kSign:
      return v1::KEY_PURPOSE_SIGN;
    case storage::KeyUse::kMac:
      return v1::KEY_PURPOSE_REFRESH;
    case storage::KeyUse::kSecretHash:
      return v1::KEY_PURPOSE_SECRETS;
    case storage::KeyUse::kSeal:
      return v1::KEY_PURPOSE_SECOND_FACTORS;
    case storage::KeyUse::kAudit:
      return v1::KEY_PURPOSE_AUDIT;
  }
  return v1::KEY_PURPOSE_UNSPECIFIED;
}

v1::KeyState StateOf(storage::KeyState state) {
  switch (state) {
    case storage::KeyState::kPending:
      return v1::KEY_STATE_PENDING;
    case storage::KeyState::kActive:
      return v1::KEY_STATE_ACTIVE;
    case storage::KeyState::kRetiring:
      return v1::KEY_STATE_RETIRING;
    case storage::KeyState::kRevoked:
      return v1::KEY_STATE_REVOKED;
  }
  return v1::KEY_STATE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<std::string> Parse(const v1::RevokeSigningKeyRequest& request) {
  if (request.kid().empty() || request.kid().size() > kMaxKidBytes) {
    return FieldInvalid("kid", "the id of a key");
  }
  return request.kid();
}

void Write(const storage::StoredKey& key, v1::SigningKeyInfo* wire) {
  wire->set_kid(key.kid);
  wire->set_purpose(PurposeOf(key.use));
  wire->set_algorithm(key.algorithm);
  wire->set_state(StateOf(key.state));
  Write(key.created_at, wire->mutable_create_time());
  if (key.activated_at.has_value()) Write(*key.activated_at, wire->mutable_activate_time());
  if (key.retired_at.has_value()) Write(*key.retired_at, wire->mutable_retire_time());
  wire->set_master_key_id(key.master_key_id);
}

void Write(const StoredKeySet& set, v1::ListSigningKeysResponse* wire) {
  wire->set_version(static_cast<uint64_t>(set.version));
  for (const storage::StoredKey& key : set.keys) Write(key, wire->add_keys());
}

void Write(const KeyChanges::Rewrapped& done, v1::RewrapKeysResponse* wire) {
  wire->set_master_key_id(done.master_key_id);
  wire->set_rewrapped_count(done.count);
}

}  // namespace tessera::server
