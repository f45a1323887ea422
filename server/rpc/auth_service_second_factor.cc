#include <utility>

#include "server/rpc/auth_service.h"
#include "server/rpc/second_factor_wire.h"

namespace tessera::server {

void AuthService::Give(const LoginOutcome& outcome, bool set_cookies, Context& context,
                       v1::LoginResponse* wire) const {
  if (const auto* challenge = std::get_if<IssuedChallenge>(&outcome)) {
    Write(*challenge, wire->mutable_challenge());
  } else {
    Give(std::get<IssuedGrant>(outcome), set_cookies, context, wire->mutable_grant());
  }
}

AuthService::Reactor* AuthService::CompleteLogin(Context* context,
                                                 const v1::CompleteLoginRequest* request,
                                                 v1::CompleteLoginResponse* response) {
  const AuthFacade& auth = parts_.auth;
  absl::StatusOr<CompletionInput> input = Parse(*request);
  if (input.ok()) input = cookies_.Complete(*context, *std::move(input), request->set_cookies());
  return Run(Begin(*context), std::move(input))
      .After(NewerKeys(),
             [&auth](const CompletionInput& asked) { return auth.NamesUnknownKey(asked); })
      .Here([&auth](const CallInfo& call, CompletionInput asked) {
        return auth.CheckCompletion(call, std::move(asked));
      })
      .On(parts_.lanes.database,
          [&auth](const CallInfo& call, const CompletionInput& asked) {
            return auth.CompleteLogin(call, asked);
          })
      .Answer([=, this](const IssuedGrant& grant) {
        Give(grant, request->set_cookies(), *context, response->mutable_grant());
      });
}

}  // namespace tessera::server
