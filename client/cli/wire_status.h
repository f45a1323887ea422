// Turns what a gRPC call ended with into the program's own errors.
#ifndef TESSERA_CLI_WIRE_STATUS_H_
#define TESSERA_CLI_WIRE_STATUS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace tessera::cli {

// What is wrong with one field of a request (google.rpc.BadRequest).
struct FieldViolation {
  std::string field;
  std::string description;
};

// Keeps code, reason, text, retry delay and field violations. `server` is named when it could not
// be reached, or is none of ours; `plaintext`: it was spoken to without TLS.
absl::Status FromWire(const grpc::Status& status, const std::string& server,
                      bool plaintext = false);

// Those that FromWire kept.
std::vector<FieldViolation> FieldViolationsOf(const absl::Status& status);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_WIRE_STATUS_H_
