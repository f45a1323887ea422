// The one road from absl::Status to the wire (ARCHITECTURE section 8).
#ifndef TESSERA_SERVER_RPC_STATUS_TO_WIRE_H_
#define TESSERA_SERVER_RPC_STATUS_TO_WIRE_H_

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tessera/base/log.h"
#include "tessera/v1/errors.pb.h"

namespace tessera::server {

// A refusal keeps its code and its message `REASON: text`, and gets its details: ErrorInfo, for a
// field BadRequest, for a delay RetryInfo. A deadline that passed and a caller who has gone keep
// their code with a fixed text. Anything else becomes INTERNAL "internal error", and its message
// goes to `log` as `rpc.internal_error`.
grpc::Status ToWire(const absl::Status& status, LogSink& log);

// `TOKEN_EXPIRED` -> ERROR_REASON_TOKEN_EXPIRED; ERROR_REASON_UNSPECIFIED for a name that the proto
// does not list.
v1::ErrorReason ReasonFromName(std::string_view name);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_STATUS_TO_WIRE_H_
