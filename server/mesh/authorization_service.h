// envoy.service.auth.v3.Authorization: what a proxy asks before it lets a call go on.
#ifndef TESSERA_SERVER_MESH_AUTHORIZATION_SERVICE_H_
#define TESSERA_SERVER_MESH_AUTHORIZATION_SERVICE_H_

#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "server/mesh/mesh_judge.h"

namespace tessera::server {

// Thread-safe. Blocks no thread.
class AuthorizationService final : public envoy::service::auth::v3::Authorization::CallbackService {
 public:
  // `hide_token`: a service behind the proxy sees the token only where its rule forwards it. The
  // judge must outlive the service.
  AuthorizationService(MeshJudge& judge, bool hide_token)
      : judge_(judge), hide_token_(hide_token) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const envoy::service::auth::v3::CheckRequest* request,
                                  envoy::service::auth::v3::CheckResponse* response) override;

 private:
  MeshJudge& judge_;
  const bool hide_token_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_MESH_AUTHORIZATION_SERVICE_H_
