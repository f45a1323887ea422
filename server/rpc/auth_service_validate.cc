// What AuthService tells of tokens. On gRPC's own thread: nothing here waits for anything.
#include <vector>

#include "server/rpc/auth_service.h"
#include "server/rpc/from_wire.h"
#include "server/rpc/introspection_wire.h"
#include "server/rpc/status_to_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// What the call shows of its caller, besides the token.
absl::StatusOr<CallInfo> EvidenceOf(const grpc::ServerContextBase& context,
                                    ClientCertificates certificates) {
  CallInfo info;
  TESSERA_ASSIGN_OR_RETURN(info.device_id, DeviceIdOf(context));
  info.certificate = CertificateOf(context, certificates);
  return info;
}

}  // namespace

AuthService::Reactor* AuthService::Finish(Context& context, const absl::Status& status) const {
  Reactor* const reactor = context.DefaultReactor();
  reactor->Finish(ToWire(status, parts_.log));
  return reactor;
}

// Without steps: it is asked more often than all others together.
AuthService::Reactor* AuthService::ValidateToken(Context* context,
                                                 const v1::ValidateTokenRequest* request,
                                                 v1::ValidateTokenResponse* response) {
  const absl::StatusOr<Secret> token = Parse(*request);
  if (!token.ok()) return Finish(*context, token.status());
  const absl::StatusOr<Introspection> known = parts_.auth.ValidateForHolder(
      *token, [&] { return EvidenceOf(*context, parts_.certificates); });
  if (known.ok()) Write(*known, response);
  return Finish(*context, known.status());
}

AuthService::Reactor* AuthService::BatchValidateTokens(
    Context* context, const v1::BatchValidateTokensRequest* request,
    v1::BatchValidateTokensResponse* response) {
  const absl::StatusOr<std::vector<Secret>> tokens = Parse(*request);
  if (!tokens.ok()) return Finish(*context, tokens.status());
  for (const Secret& token : *tokens) {
    const absl::StatusOr<Introspection> known = parts_.auth.Validate(token);
    if (!known.ok()) return Finish(*context, known.status());
    Write(*known, response->add_results());
  }
  return Finish(*context, absl::OkStatus());
}

}  // namespace tessera::server
