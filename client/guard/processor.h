// The guard's place in front of the handler: gRPC's metadata processor.
#ifndef TESSERA_GUARD_PROCESSOR_H_
#define TESSERA_GUARD_PROCESSOR_H_

#include <grpc/grpc_security.h>

#include <memory>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "tessera/guard/core.h"
#include "tessera/guard/guard.h"

namespace tessera::guard {

// Judges each call with `core`, which it keeps alive. Answers at once, or, if a key is unknown,
// when keys have come.
grpc_auth_metadata_processor MakeProcessor(const std::shared_ptr<Core>& core,
                                           ClientCertificates certificates);

// The value of `grpc-timeout` ("250m", "2S"); absent if it is not one.
std::optional<absl::Duration> ParseGrpcTimeout(std::string_view text);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_PROCESSOR_H_
