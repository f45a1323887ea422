// AuthService on gRPC's callback API: parses, hands to the facade on the right lane, converts.
#ifndef TESSERA_SERVER_RPC_AUTH_SERVICE_H_
#define TESSERA_SERVER_RPC_AUTH_SERVICE_H_

#include <memory>
#include <utility>

#include "server/auth/auth_facade.h"
#include "server/rpc/call.h"
#include "server/rpc/caller_evidence.h"
#include "server/rpc/cookies.h"
#include "server/rpc/revocation_hub.h"
#include "server/user/session_facade.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/guard.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera::server {

// Thread-safe.
class AuthService final : public v1::AuthService::CallbackService {
 public:
  // All references must outlive the service.
  struct Parts {
    const AuthFacade& auth;
    const SessionFacade& sessions;
    RevocationHub& hub;
    const Guard& guard;
    Lanes lanes;
    const Clock& clock;
    LogSink& log;
    ClientCertificates certificates = ClientCertificates::kUnverified;
    CookieOptions cookies = {};
  };
  explicit AuthService(Parts parts) : parts_(std::move(parts)), cookies_(parts_.cookies) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* Login(Context* context, const v1::LoginRequest* request,
                 v1::LoginResponse* response) override;
  Reactor* RenewToken(Context* context, const v1::RenewTokenRequest* request,
                      v1::RenewTokenResponse* response) override;
  Reactor* ValidateToken(Context* context, const v1::ValidateTokenRequest* request,
                         v1::ValidateTokenResponse* response) override;
  Reactor* RevokeToken(Context* context, const v1::RevokeTokenRequest* request,
                       v1::RevokeTokenResponse* response) override;
  Reactor* Logout(Context* context, const v1::LogoutRequest* request,
                  v1::LogoutResponse* response) override;
  Reactor* ListSessions(Context* context, const v1::ListSessionsRequest* request,
                        v1::ListSessionsResponse* response) override;
  Reactor* RevokeSession(Context* context, const v1::RevokeSessionRequest* request,
                         v1::RevokeSessionResponse* response) override;
  Reactor* RevokeAllSessions(Context* context, const v1::RevokeAllSessionsRequest* request,
                             v1::RevokeAllSessionsResponse* response) override;
  Reactor* GetJwks(Context* context, const v1::GetJwksRequest* request,
                   v1::GetJwksResponse* response) override;
  grpc::ServerBidiReactor<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse>*
  WatchRevocations(Context* context) override;

 private:
  std::shared_ptr<Call> Begin(Context& context) const;

  // The grant to the caller, as cookies if it asked for them.
  void Give(const IssuedGrant& grant, bool set_cookies, Context& context,
            v1::TokenGrant* wire) const;

  const Parts parts_;
  const Cookies cookies_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_AUTH_SERVICE_H_
