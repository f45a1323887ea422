#include <memory>
#include <utility>

#include "server/rpc/auth_service.h"
#include "server/rpc/service_token_wire.h"

namespace tessera::server {

AuthService::Reactor* AuthService::IssueToken(Context* context,
                                              const v1::IssueTokenRequest* request,
                                              v1::IssueTokenResponse* response) {
  const ServiceTokenIssuer& tokens = parts_.service_tokens;
  KubernetesTokens* const kubernetes = parts_.kubernetes;
  std::shared_ptr<Call> begun = Begin(*context);
  const absl::Duration left = begun->info().deadline - parts_.clock.Now();
  return Run(std::move(begun), Parse(*request))
      .After([kubernetes, left](auto ready) { kubernetes->AwaitKeys(left, ready); },
             [kubernetes](const ServiceTokenInput& input) {
               return kubernetes != nullptr && kubernetes->LacksKeyFor(input.credential);
             })
      .Here([&tokens](const CallInfo& call, ServiceTokenInput input) {
        return tokens.Check(call, std::move(input));
      })
      .On(parts_.lanes.database,
          [&tokens](const CallInfo& call, const ServiceTokenInput& input) {
            return tokens.Issue(call, input);
          })
      .Answer([response](const IssuedServiceToken& issued) { Write(issued, response); });
}

}  // namespace tessera::server
