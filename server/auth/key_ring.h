// The signing and MAC keys of this replica: loaded from the store, unsealed, published.
#ifndef TESSERA_SERVER_AUTH_KEY_RING_H_
#define TESSERA_SERVER_AUTH_KEY_RING_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/key.h"

namespace tessera::server {

// The keys that seal the private keys at rest (AES-256-GCM), from `keys.master_key_file`.
struct MasterKeys {
  struct Entry {
    std::string id;
    Secret key;  // 32 bytes
  };
  std::vector<Entry> entries;  // the first one seals

  // Lines `id:base64 of 32 bytes`; blank lines and `#` comments are skipped. FAILED_PRECONDITION:
  // the file can be read by others (not 0600 or 0400), or holds none. INVALID_ARGUMENT names the
  // line.
  static absl::StatusOr<MasterKeys> FromFile(const std::string& path);
};

// What the key table holds at one moment.
struct StoredKeySet {
  int64_t version = 0;
  std::string store_epoch;
  std::vector<storage::StoredKey> keys;  // in the order of created_at
};

// One state of the key set. Immutable.
struct KeySnapshot {
  int64_t version = 0;
  // Up to which version every key could be opened: below `version` on a replica that lacks a master
  // key.
  int64_t loaded_version = 0;
  std::string store_epoch;               // 16 bytes
  std::shared_ptr<const JwkSet> verify;  // pending, active and retiring signing keys
  std::string jwks_json;                 // the public ones of them, WithVersion: of the epoch and
                                         // `loaded_version`
  std::optional<SigningKey> signing;     // the active one
  std::string mac_kid;                   // the MAC key that mints
  std::map<std::string, Secret> macs;    // by kid: all that still verify
  // The key that hashes the secrets of service accounts, and by kid all that secrets were hashed
  // with; 32 bytes each.
  std::string secret_hash_kid;
  std::map<std::string, Secret> secret_hashes;
  // Likewise the key that seals the secrets of second factors.
  std::string seal_kid;
  std::map<std::string, Secret> seals;
  // Likewise the key that chains the audit trail.
  std::string audit_kid;
  std::map<std::string, Secret> audits;

  std::map<std::string, std::string> mac_kids;     // of `macs`, by the 16-byte hash of the kid
  std::set<std::string> revoked_macs;              // hashes of the kids of those called back
  std::map<std::string, SigningKey> signing_keys;  // by kid: those of `verify`
  Secret shared_jwks;                              // the JWK set for guards that share a key with
                                                   // us (HS256); empty without one
  std::shared_ptr<const StoredKeySet> rows;        // what it was made of

  // Into `macs` and `mac_kids`.
  void AddMac(std::string kid, Secret key);
};

// Thread-safe.
class KeyRing {
 public:
  // Reads the keys and the store's epoch; makes the first of each if there are none
  // (compare-and-swap on the key set's version: of two replicas one wins). Blocks on the store.
  // FAILED_PRECONDITION: no master key opens them.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Open(storage::Store& store, MasterKeys master,
                                                       Algorithm algorithm, const Clock& clock,
                                                       LogSink& log);
  virtual ~KeyRing() = default;

  // Never null.
  virtual std::shared_ptr<const KeySnapshot> Current() const = 0;
  // Reads again if the store's version has moved. Blocks on the store. A row that no master key
  // opens costs nothing that is loaded: the key stays, in the state that the row says.
  // FAILED_PRECONDITION: a key that is not loaded cannot be opened here (event `keys.unopened`, an
  // error); the others are taken.
  virtual absl::Status Refresh() = 0;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KEY_RING_H_
