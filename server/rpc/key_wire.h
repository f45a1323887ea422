// The key methods' messages, from and to what KeyFacade takes and gives.
#ifndef TESSERA_SERVER_RPC_KEY_WIRE_H_
#define TESSERA_SERVER_RPC_KEY_WIRE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/auth/key_changes.h"
#include "server/auth/key_ring.h"
#include "storage/records.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::server {

// The kid. INVALID_ARGUMENT FIELD_INVALID: missing, or longer than any.
absl::StatusOr<std::string> Parse(const v1::RevokeSigningKeyRequest& request);

// Nothing of what is sealed.
void Write(const storage::StoredKey& key, v1::SigningKeyInfo* wire);
void Write(const StoredKeySet& set, v1::ListSigningKeysResponse* wire);
void Write(const KeyChanges::Rewrapped& done, v1::RewrapKeysResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_KEY_WIRE_H_
