// What has to be done after the database was restored to an earlier state.
#ifndef TESSERA_SERVER_AUTH_STORE_RESTORATION_H_
#define TESSERA_SERVER_AUTH_STORE_RESTORATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_changes.h"
#include "server/auth/key_states.h"
#include "server/auth/sealer.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// No transaction of a restoration touches more sessions, users or service accounts.
inline constexpr int kRestorationBatch = 1000;
// So much every version is raised: replicas and guards that kept running remember entries of the
// feed that the backup has lost, and would refuse whoever was raised since then to a version that
// the store does not reach any more. Nobody's version rises so often between a backup and its
// restoration, and 2^40 restorations fit.
inline constexpr int64_t kRestoredVersionStep = int64_t{1} << 20;

// First, in one transaction: all signing and MAC keys are revoked with entries in the feed and
// replaced, and the store gets a new epoch. No access or refresh token from before works
// afterwards, whether the restored database knows of it or not, and none is called reused. Keys
// that hash the secrets of service accounts stay. Then, in batches: all live sessions end; the
// version of every user and every service account rises; the codes of second factors up to now are
// used up.
//
// How many sessions were ended. Blocks on the store, and fails as it does: what was done until then
// is kept, and it may be repeated from the start, at any point. Events: `store.keys_replaced`,
// `store.restored` when all is done.
struct RestorationParts {
  storage::Store& store;
  const Sealer& sealer;
  const KeyPolicy& policy;
  const Clock& clock;
  LogSink& log;
  KeyRecord record = {};  // of the change of the keys
};
absl::StatusOr<int64_t> MarkStoreRestored(const RestorationParts& parts, absl::Time deadline);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORE_RESTORATION_H_
