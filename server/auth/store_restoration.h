// What has to be done after the database was restored to an earlier state.
#ifndef TESSERA_SERVER_AUTH_STORE_RESTORATION_H_
#define TESSERA_SERVER_AUTH_STORE_RESTORATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_states.h"
#include "server/auth/sealer.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// In one transaction: all sessions end, all signing and MAC keys are revoked with entries in the
// feed and replaced, and the store gets a new epoch. No access or refresh token from before works
// afterwards, whether the restored database knows of it or not, and none is called reused. Keys
// that hash the secrets of service accounts stay. How many sessions were ended. Blocks on the
// store, and fails as it does; it may be repeated. Event: `store.restored`.
struct RestorationParts {
  storage::Store& store;
  const Sealer& sealer;
  const KeyPolicy& policy;
  const Clock& clock;
  LogSink& log;
};
absl::StatusOr<int64_t> MarkStoreRestored(const RestorationParts& parts, absl::Time deadline);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORE_RESTORATION_H_
