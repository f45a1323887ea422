// What the facades may know of the call that they serve, whatever brought it.
#ifndef TESSERA_SERVER_CALL_INFO_H_
#define TESSERA_SERVER_CALL_INFO_H_

#include <string>

#include "absl/time/time.h"

namespace tessera::server {

struct CallInfo {
  std::string peer;  // address without the port
  absl::Time deadline = absl::InfiniteFuture();
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CALL_INFO_H_
