#include "server/rpc/auth_service.h"

#include <string>
#include <utility>

#include "server/rpc/from_wire.h"
#include "server/rpc/status_to_wire.h"
#include "server/rpc/to_wire.h"

namespace tessera::server {

std::shared_ptr<Call> AuthService::Begin(Context& context, const char* method) const {
  return std::make_shared<Call>(context, parts_.clock, parts_.log,
                                CallPort{parts_.certificates, &parts_.source, &parts_.guard,
                                         v1::AuthService::service_full_name(), method});
}

void AuthService::Give(const IssuedGrant& grant, bool set_cookies, Context& context,
                       v1::TokenGrant* wire) const {
  if (set_cookies) return cookies_.Give(grant, parts_.clock.Now(), context, wire);
  Write(grant, wire);
}

std::function<void(std::function<void(absl::Status)>)> AuthService::NewerKeys() const {
  return [&source = parts_.key_source](std::function<void(absl::Status)> done) {
    source.Fetch(std::move(done));
  };
}

AuthService::Reactor* AuthService::Login(Context* context, const v1::LoginRequest* request,
                                         v1::LoginResponse* response) {
  const AuthFacade& auth = parts_.auth;
  absl::StatusOr<LoginInput> asked = Parse(*request);
  if (asked.ok()) asked = cookies_.Complete(*context, *std::move(asked), request->set_cookies());
  return Run(Begin(*context), std::move(asked))
      .On(parts_.lanes.database,
          [&auth](const CallInfo& call, LoginInput input) {
            return auth.BeginLogin(call, std::move(input));
          })
      .On(parts_.lanes.hashing,
          [&auth](const CallInfo& call, LoginAttempt attempt) {
            return auth.CheckPassword(call, std::move(attempt));
          })
      .On(parts_.lanes.database,
          [&auth](const CallInfo& call, const VerifiedLogin& login) {
            return auth.FinishLogin(call, login);
          })
      .Answer([=, this](const LoginOutcome& outcome) {
        Give(outcome, request->set_cookies(), *context, response);
      });
}

AuthService::Reactor* AuthService::RenewToken(Context* context,
                                              const v1::RenewTokenRequest* request,
                                              v1::RenewTokenResponse* response) {
  const AuthFacade& auth = parts_.auth;
  absl::StatusOr<RenewalInput> input = Parse(*request);
  if (input.ok()) input = cookies_.Complete(*context, *std::move(input), request->set_cookies());
  return Run(Begin(*context), std::move(input))
      .After(NewerKeys(),
             [&auth](const RenewalInput& asked) { return auth.NamesUnknownKey(asked); })
      .Here([&auth](const CallInfo& call, RenewalInput asked) {
        return auth.CheckRenewal(call, std::move(asked));
      })
      .On(parts_.lanes.urgent,
          [&auth](const CallInfo& call, const RenewalInput& asked) {
            return auth.Renew(call, asked);
          })
      .Answer([=, this](const IssuedGrant& grant) {
        Give(grant, request->set_cookies(), *context, response->mutable_grant());
      });
}

AuthService::Reactor* AuthService::RevokeToken(Context* context,
                                               const v1::RevokeTokenRequest* request,
                                               v1::RevokeTokenResponse*) {
  const AuthFacade& auth = parts_.auth;
  return Run(Begin(*context), Parse(*request))
      .After(NewerKeys(), [&auth](const Secret& token) { return auth.NamesUnknownKey(token); })
      .OnlyIf([&auth](const Secret& token) { return auth.IsRevocable(token); })
      .On(parts_.lanes.urgent,
          [&auth](const CallInfo& call, const Secret& token) { return auth.Revoke(call, token); })
      .Answer([](const Nothing&) {});
}

AuthService::Reactor* AuthService::Logout(Context* context, const v1::LogoutRequest* request,
                                          v1::LogoutResponse*) {
  const AuthFacade& auth = parts_.auth;
  absl::StatusOr<Secret> refresh_token = Parse(*request);
  if (refresh_token.ok()) {
    refresh_token = cookies_.Complete(*context, *std::move(refresh_token));
  }
  return Run(Begin(*context), std::move(refresh_token))
      .After(NewerKeys(), [&auth](const Secret& token) { return auth.NamesUnknownKey(token); })
      .Here([&auth](const CallInfo& call, Secret token) {
        return auth.CheckRefreshToken(call, std::move(token));
      })
      .On(parts_.lanes.urgent,
          [&auth](const CallInfo& call, const Secret& token) { return auth.Logout(call, token); })
      .Answer([=, this](const Nothing&) {
        if (request->refresh_token().empty()) cookies_.Clear(*context);
      });
}

AuthService::Reactor* AuthService::GetJwks(Context* context, const v1::GetJwksRequest*,
                                           v1::GetJwksResponse* response) {
  return Run(Begin(*context), parts_.auth.Jwks()).Answer([response](const std::string& json) {
    response->set_jwks_json(json);
  });
}

grpc::ServerBidiReactor<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse>*
AuthService::WatchRevocations(Context* context) {
  return parts_.hub.Watch(*context, parts_.guard.PrincipalOf(*context)->claims.subject);
}

}  // namespace tessera::server
