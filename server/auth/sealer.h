// Seals keys for the store: AES-256-GCM under a master key (NIST SP 800-38D).
#ifndef TESSERA_SERVER_AUTH_SEALER_H_
#define TESSERA_SERVER_AUTH_SEALER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/auth/key_ring.h"
#include "storage/records.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// Thread-safe.
class Sealer {
 public:
  // FAILED_PRECONDITION: no master key, or one that is not of 32 bytes.
  static absl::StatusOr<Sealer> Create(MasterKeys master);

  // The master key that seals.
  const std::string& first_id() const { return master_.entries.front().id; }

  struct Sealed {
    std::string master_key_id;
    std::string blob;  // nonce of 12 bytes, ciphertext, tag of 16 bytes
  };
  // Under the first master key, with a fresh random nonce. The blob is bound to `kid` and `use`: it
  // opens in no other row.
  absl::StatusOr<Sealed> Seal(std::string_view kid, storage::KeyUse use, const Secret& plain) const;
  // FAILED_PRECONDITION: its master key is not here, or it was sealed under another or for another
  // row, or changed since.
  absl::StatusOr<Secret> Open(const storage::StoredKey& key) const;

 private:
  explicit Sealer(MasterKeys master) : master_(std::move(master)) {}
  MasterKeys master_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SEALER_H_
