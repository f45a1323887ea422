#include "server/mesh/authorization_service.h"

#include "server/mesh/mesh_answer.h"
#include "server/mesh/mesh_call.h"

namespace tessera::server {

grpc::ServerUnaryReactor* AuthorizationService::Check(
    grpc::CallbackServerContext* context, const envoy::service::auth::v3::CheckRequest* request,
    envoy::service::auth::v3::CheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  // The request lives until Finish, and so does what the call views.
  const absl::StatusOr<MeshCall> call = ReadCall(*request);
  if (!call.ok()) {
    Deny(call.status(), *response);
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  judge_.Judge(*call, [this, reactor, response](const absl::StatusOr<MeshAdmission>& decision) {
    if (decision.ok()) {
      Admit(*decision->caller, hide_token_ && !decision->forwards_token, *response);
    } else {
      Deny(decision.status(), *response);
    }
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

}  // namespace tessera::server
