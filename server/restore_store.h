// `tesserad --store-restored`: what is done to a restored database before anything is served.
#ifndef TESSERA_SERVER_RESTORE_STORE_H_
#define TESSERA_SERVER_RESTORE_STORE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// How long it may take to replace the keys, end all sessions and raise all versions.
inline constexpr absl::Duration kRestorationTimeout = absl::Minutes(10);

// Opens the store and the master keys of `config`, and does what server/auth/store_restoration.h
// says; how many sessions were ended. Blocks. Fails with a message for the operator; it may be
// repeated.
absl::StatusOr<int64_t> RestoreStore(const Config& config, const Clock& clock, LogSink& log);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RESTORE_STORE_H_
