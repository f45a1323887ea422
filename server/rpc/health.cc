#include "server/rpc/health.h"

#include <grpcpp/health_check_service_interface.h>

#include "grpc/health/v1/health.pb.h"

namespace tessera::server {

void EnableHealth() {
  // Naming the message links the descriptor, which gRPC's own service does not bring.
  grpc::health::v1::HealthCheckRequest::descriptor();
  grpc::EnableDefaultHealthCheckService(true);
}

void SetServing(grpc::Server& server, bool serving) {
  server.GetHealthCheckService()->SetServingStatus(serving);
}

}  // namespace tessera::server
