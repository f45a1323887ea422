// ExchangeToken's messages, from and to what TokenExchange takes and gives.
#ifndef TESSERA_SERVER_RPC_EXCHANGE_WIRE_H_
#define TESSERA_SERVER_RPC_EXCHANGE_WIRE_H_

#include "absl/status/statusor.h"
#include "server/auth/token_exchange.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::server {

// Without the caller. INVALID_ARGUMENT FIELD_INVALID: a field that is missing or out of bounds.
absl::StatusOr<ExchangeInput> Parse(const v1::ExchangeTokenRequest& request);

void Write(const ExchangedToken& token, v1::ExchangeTokenResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_EXCHANGE_WIRE_H_
