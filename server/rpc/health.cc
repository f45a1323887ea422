#include "server/rpc/health.h"

#include <grpcpp/health_check_service_interface.h>

#include <string>
#include <string_view>

#include "grpc/health/v1/health.pb.h"

namespace tessera::server {
namespace {

std::string_view NameOf(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::kViewNotLoaded:
      return "view_not_loaded";
    case Obstacle::kClockDiffers:
      return "clock_differs";
    case Obstacle::kDraining:
      break;
  }
  return "draining";
}

}  // namespace

void EnableHealth() {
  // Naming the message links the descriptor, which gRPC's own service does not bring.
  grpc::health::v1::HealthCheckRequest::descriptor();
  grpc::EnableDefaultHealthCheckService(true);
}

void Health::Set(Obstacle obstacle, bool there) {
  MutexLock lock(mu_);
  const bool changed = there ? obstacles_.insert(obstacle).second : obstacles_.erase(obstacle) != 0;
  if (changed) Apply();
}

void Health::Tell(grpc::Server& server) {
  MutexLock lock(mu_);
  server_ = &server;
  Apply();
}

void Health::Leave() {
  MutexLock lock(mu_);
  server_ = nullptr;
}

void Health::Apply() {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->SetServingStatus(obstacles_.empty());
  if (obstacles_.empty()) return log_.Info("health.serving");
  std::string names;
  for (const Obstacle obstacle : obstacles_) {
    names += (names.empty() ? "" : ",") + std::string(NameOf(obstacle));
  }
  log_.Warning("health.not_serving", {{"because", names}});
}

}  // namespace tessera::server
