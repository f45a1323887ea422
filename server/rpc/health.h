// grpc.health.v1.Health, which gRPC brings along, made visible to reflection and switched.
#ifndef TESSERA_SERVER_RPC_HEALTH_H_
#define TESSERA_SERVER_RPC_HEALTH_H_

#include <grpcpp/grpcpp.h>

namespace tessera::server {

// Makes every server that is built from now on in this process serve health. Call it before the
// builder is used.
void EnableHealth();

// SERVING or NOT_SERVING, for the whole server (the empty service name) and each of its services.
// Needs EnableHealth before the server was built.
void SetServing(grpc::Server& server, bool serving);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_HEALTH_H_
