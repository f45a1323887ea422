// AuthService on gRPC's callback API: parses, hands to the facade on the right lane, converts.
#ifndef TESSERA_SERVER_RPC_AUTH_SERVICE_H_
#define TESSERA_SERVER_RPC_AUTH_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/auth/auth_facade.h"
#include "server/auth/key_facade.h"
#include "server/auth/kubernetes_tokens.h"
#include "server/auth/service_token_issuer.h"
#include "server/auth/token_exchange.h"
#include "server/rpc/call.h"
#include "server/rpc/caller_evidence.h"
#include "server/rpc/cookies.h"
#include "server/rpc/revocation_hub.h"
#include "server/user/session_facade.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/guard.h"
#include "tessera/guard/key_source.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera::server {

// Thread-safe.
class AuthService final : public v1::AuthService::CallbackService {
 public:
  // All references must outlive the service.
  struct Parts {
    const AuthFacade& auth;
    const SessionFacade& sessions;
    const ServiceTokenIssuer& service_tokens;
    const TokenExchange& exchange;
    const KeyFacade& keys;
    KeySource& key_source;  // asked for newer keys when a refresh token names an unknown one
    RevocationHub& hub;
    const Guard& guard;
    Lanes lanes;
    const Clock& clock;
    LogSink& log;
    ClientCertificates certificates = ClientCertificates::kUnverified;
    CookieOptions cookies = {};
    KubernetesTokens* kubernetes = nullptr;  // null: no cluster is configured
    CallSource source = CallSource();
  };
  explicit AuthService(Parts parts) : parts_(std::move(parts)), cookies_(parts_.cookies) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* Login(Context* context, const v1::LoginRequest* request,
                 v1::LoginResponse* response) override;
  Reactor* CompleteLogin(Context* context, const v1::CompleteLoginRequest* request,
                         v1::CompleteLoginResponse* response) override;
  Reactor* RenewToken(Context* context, const v1::RenewTokenRequest* request,
                      v1::RenewTokenResponse* response) override;
  Reactor* IssueToken(Context* context, const v1::IssueTokenRequest* request,
                      v1::IssueTokenResponse* response) override;
  Reactor* ValidateToken(Context* context, const v1::ValidateTokenRequest* request,
                         v1::ValidateTokenResponse* response) override;
  Reactor* BatchValidateTokens(Context* context, const v1::BatchValidateTokensRequest* request,
                               v1::BatchValidateTokensResponse* response) override;
  Reactor* RevokeToken(Context* context, const v1::RevokeTokenRequest* request,
                       v1::RevokeTokenResponse* response) override;
  Reactor* Logout(Context* context, const v1::LogoutRequest* request,
                  v1::LogoutResponse* response) override;
  Reactor* ExchangeToken(Context* context, const v1::ExchangeTokenRequest* request,
                         v1::ExchangeTokenResponse* response) override;
  Reactor* ListSessions(Context* context, const v1::ListSessionsRequest* request,
                        v1::ListSessionsResponse* response) override;
  Reactor* RevokeSession(Context* context, const v1::RevokeSessionRequest* request,
                         v1::RevokeSessionResponse* response) override;
  Reactor* RevokeAllSessions(Context* context, const v1::RevokeAllSessionsRequest* request,
                             v1::RevokeAllSessionsResponse* response) override;
  Reactor* ListSigningKeys(Context* context, const v1::ListSigningKeysRequest* request,
                           v1::ListSigningKeysResponse* response) override;
  Reactor* RotateSigningKey(Context* context, const v1::RotateSigningKeyRequest* request,
                            v1::RotateSigningKeyResponse* response) override;
  Reactor* RevokeSigningKey(Context* context, const v1::RevokeSigningKeyRequest* request,
                            v1::RevokeSigningKeyResponse* response) override;
  Reactor* RewrapKeys(Context* context, const v1::RewrapKeysRequest* request,
                      v1::RewrapKeysResponse* response) override;
  Reactor* MarkStoreRestored(Context* context, const v1::MarkStoreRestoredRequest* request,
                             v1::MarkStoreRestoredResponse* response) override;
  Reactor* GetJwks(Context* context, const v1::GetJwksRequest* request,
                   v1::GetJwksResponse* response) override;
  grpc::ServerBidiReactor<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse>*
  WatchRevocations(Context* context) override;

 private:
  // `method`: the caller's own name, which is the method's.
  std::shared_ptr<Call> Begin(Context& context, const char* method = __builtin_FUNCTION()) const;
  // Ends the call at once.
  Reactor* Finish(Context& context, const absl::Status& status) const;
  // The id of the account that calls.
  std::string CallerOf(const Context& context) const;
  // Reads newer keys, at most once per interval for all who wait.
  std::function<void(std::function<void(absl::Status)>)> NewerKeys() const;

  // The grant to the caller, as cookies if it asked for them.
  void Give(const IssuedGrant& grant, bool set_cookies, Context& context,
            v1::TokenGrant* wire) const;
  void Give(const LoginOutcome& outcome, bool set_cookies, Context& context,
            v1::LoginResponse* wire) const;

  const Parts parts_;
  const Cookies cookies_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_AUTH_SERVICE_H_
