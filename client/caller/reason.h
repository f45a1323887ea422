// Reads the reason of a refusal from a gRPC status, whether tesserad, a guard or a caller made it.
#ifndef TESSERA_CALLER_REASON_H_
#define TESSERA_CALLER_REASON_H_

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace grpc {
class Status;
}

namespace tessera {

// `TOKEN_EXPIRED` ...; empty if the status carries none. Reads google.rpc.ErrorInfo with domain
// `tessera`, else the head of the message.
std::string ReasonOf(const grpc::Status& status);

// When to try again (google.rpc.RetryInfo); absent if the status does not say.
std::optional<absl::Duration> RetryDelayOf(const grpc::Status& status);

}  // namespace tessera

#endif  // TESSERA_CALLER_REASON_H_
