// A call that a proxy has received, as it describes it.
#ifndef TESSERA_SERVER_MESH_MESH_CALL_H_
#define TESSERA_SERVER_MESH_MESH_CALL_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "envoy/service/auth/v3/external_auth.pb.h"
#include "tessera/guard/presented.h"

namespace tessera::server {

// Views into the request.
struct MeshCall {
  std::string_view path;
  guard::Presented presented;  // a token in `authorization` alone, no cookie; no certificate
};

// PERMISSION_DENIED METHOD_UNRULED: the request shows no HTTP call, or two paths.
absl::StatusOr<MeshCall> ReadCall(const envoy::service::auth::v3::CheckRequest& request);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_MESH_MESH_CALL_H_
