// The program tesserad.
#ifndef TESSERA_SERVER_RUN_MAIN_H_
#define TESSERA_SERVER_RUN_MAIN_H_

#include "tessera/base/clock.h"

namespace tessera::server {

// What tesserad exits with.
inline constexpr int kExitOk = 0;      // stopped by SIGTERM or SIGINT; --version and such done
inline constexpr int kExitFailed = 1;  // could not start: store, keys, port; or not migrate
inline constexpr int kExitUsage = 2;   // command line or configuration is wrong

// `tesserad [--config FILE] [--check-config | --print-config | --migrate | --version]`: serves
// until SIGTERM or SIGINT, then drains; a second signal ends the process at once. `clock` must
// outlive the call. Logs to standard error; `server.ready address=HOST:PORT` when it serves. Call
// it before the process has other threads: it sets the signal mask that they inherit.
int RunMain(int argc, char** argv, const Clock& clock);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RUN_MAIN_H_
