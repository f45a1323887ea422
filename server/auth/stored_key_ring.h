// The key ring on the store's key table.
#ifndef TESSERA_SERVER_AUTH_STORED_KEY_RING_H_
#define TESSERA_SERVER_AUTH_STORED_KEY_RING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/key_ring.h"
#include "server/auth/sealer.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// What came of opening the keys of a set.
struct UnsealedKeys {
  std::shared_ptr<const KeySnapshot> snapshot;
  // A row that could not be opened, or is not what it says. `held`: the key was loaded before, and
  // goes on from there.
  struct Fault {
    std::string kid;
    std::string master_key_id;
    bool held = false;
    absl::Status cause;
  };
  std::vector<Fault> faults;
};

// Opens every key that is not revoked. A key that verifies is taken from what was sealed, never
// from the public column: whoever can write to the database cannot plant one. A row that cannot be
// opened is a fault; if `held` (null: nothing) has its key, that one is used. With several active
// keys of one use the one activated last is; with none that could be opened the one used so far, as
// long as it is in the set. FAILED_PRECONDITION: the set makes no sense as a whole.
absl::StatusOr<UnsealedKeys> UnsealKeys(const StoredKeySet& stored, const Sealer& sealer,
                                        const KeySnapshot* held);

// New keys, active at once, sealed.
absl::StatusOr<storage::StoredKey> NewSigningKey(Algorithm algorithm, const Sealer& sealer,
                                                 absl::Time now);
// Of 32 random bytes: for every use but kSign.
absl::StatusOr<storage::StoredKey> NewSharedKey(storage::KeyUse use, const Sealer& sealer,
                                                absl::Time now);
// 16 random bytes.
std::string NewStoreEpoch();

// Thread-safe.
class StoredKeyRing final : public KeyRing {
 public:
  StoredKeyRing(storage::Store& store, Sealer sealer, const Clock& clock, LogSink& log)
      : store_(store), sealer_(std::move(sealer)), clock_(clock), log_(log) {}

  // Makes what is missing, and loads. Call it once, first.
  absl::Status Start(Algorithm algorithm);

  std::shared_ptr<const KeySnapshot> Current() const override;
  absl::Status Refresh() override;

 private:
  absl::StatusOr<StoredKeySet> Read(absl::Duration patience);
  absl::Status MakeMissing(const StoredKeySet& found, Algorithm algorithm);
  absl::Status Publish(const StoredKeySet& stored, const KeySnapshot* held);
  void Report(const UnsealedKeys& unsealed);

  storage::Store& store_;
  const Sealer sealer_;
  const Clock& clock_;
  LogSink& log_;
  mutable Mutex mu_;  // held to copy a pointer, no longer
  std::shared_ptr<const KeySnapshot> current_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<const KeySnapshot>();
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORED_KEY_RING_H_
