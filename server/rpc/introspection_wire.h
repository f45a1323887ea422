// Questions about several tokens.
#ifndef TESSERA_SERVER_RPC_INTROSPECTION_WIRE_H_
#define TESSERA_SERVER_RPC_INTROSPECTION_WIRE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::server {

inline constexpr int kMaxTokensAskedAbout = 100;

// The tokens, in their order. One that is empty is judged as a token. INVALID_ARGUMENT
// FIELD_INVALID: none, or more than kMaxTokensAskedAbout.
absl::StatusOr<std::vector<Secret>> Parse(const v1::BatchValidateTokensRequest& request);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_INTROSPECTION_WIRE_H_
