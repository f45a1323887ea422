#include <memory>
#include <utility>

#include "server/rpc/auth_service.h"
#include "server/rpc/exchange_wire.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// The claims of the token that the call was admitted with; they live as long as the principal.
std::shared_ptr<const Claims> ClaimsOf(std::shared_ptr<const Principal> principal) {
  const Claims* const claims = &principal->claims;
  return {std::move(principal), claims};
}

absl::StatusOr<ExchangeInput> ParseFor(std::shared_ptr<const Principal> caller,
                                       const v1::ExchangeTokenRequest& request) {
  TESSERA_ASSIGN_OR_RETURN(ExchangeInput input, Parse(request));
  input.caller = ClaimsOf(std::move(caller));
  return input;
}

}  // namespace

AuthService::Reactor* AuthService::ExchangeToken(Context* context,
                                                 const v1::ExchangeTokenRequest* request,
                                                 v1::ExchangeTokenResponse* response) {
  const TokenExchange& exchange = parts_.exchange;
  return Run(Begin(*context), ParseFor(parts_.guard.PrincipalOf(*context), *request))
      .On(parts_.lanes.database,
          [&exchange](const CallInfo& call, const ExchangeInput& input) {
            return exchange.Exchange(call, input);
          })
      .Answer([response](const ExchangedToken& token) { Write(token, response); });
}

}  // namespace tessera::server
