// Service accounts' tokens on the wire.
#ifndef TESSERA_SERVER_RPC_SERVICE_TOKEN_WIRE_H_
#define TESSERA_SERVER_RPC_SERVICE_TOKEN_WIRE_H_

#include "absl/status/statusor.h"
#include "server/auth/service_credentials.h"
#include "server/auth/service_token_issuer.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::server {

// As server/rpc/from_wire.h.
absl::StatusOr<ServiceTokenInput> Parse(const v1::IssueTokenRequest& request);

void Write(const IssuedServiceToken& issued, v1::IssueTokenResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_SERVICE_TOKEN_WIRE_H_
