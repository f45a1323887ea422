// What a failed request to tesserad means to the calls that wait for it.
#ifndef TESSERA_CALLER_AUTH_FAILURE_H_
#define TESSERA_CALLER_AUTH_FAILURE_H_

#include <string_view>

#include "absl/status/status.h"
#include "tessera/base/secret.h"

namespace grpc {
class Status;
}

namespace tessera {

// An error as GrantSource promises them, for `status` (not OK) of a request `what` ("login") that
// carried `secret`. Its text shows the server's own, unless that holds the secret.
absl::Status AuthFailure(std::string_view what, const grpc::Status& status, const Secret& secret);

}  // namespace tessera

#endif  // TESSERA_CALLER_AUTH_FAILURE_H_
