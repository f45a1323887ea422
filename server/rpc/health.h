// grpc.health.v1.Health, which gRPC brings along, made visible to reflection and switched.
#ifndef TESSERA_SERVER_RPC_HEALTH_H_
#define TESSERA_SERVER_RPC_HEALTH_H_

#include <grpcpp/grpcpp.h>

#include <set>

#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Makes every server that is built from now on in this process serve health. Call it before the
// builder is used.
void EnableHealth();

// Why a replica is not to be sent calls.
enum class Obstacle {
  kViewNotLoaded,  // it does not know yet what is revoked
  kClockDiffers,   // its clock and the database's differ, or have not been compared yet
  kDraining,       // it is about to stop
};

// The one place that decides whether health says SERVING: if and only if no obstacle is left.
// Thread-safe. Events `health.serving` and `health.not_serving` with the obstacles, while a server
// is told.
class Health {
 public:
  // Nothing is known to be well yet: kViewNotLoaded and kClockDiffers stand.
  explicit Health(LogSink& log) : log_(log) {}

  void Set(Obstacle obstacle, bool there);

  // From now on `server` says so, for itself (the empty service name) and each of its services;
  // until Leave, which comes before the server goes. Needs EnableHealth before it was built.
  void Tell(grpc::Server& server);
  void Leave();

 private:
  void Apply() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  LogSink& log_;
  Mutex mu_;
  std::set<Obstacle> obstacles_ ABSL_GUARDED_BY(mu_) = {Obstacle::kViewNotLoaded,
                                                        Obstacle::kClockDiffers};
  grpc::Server* server_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_HEALTH_H_
