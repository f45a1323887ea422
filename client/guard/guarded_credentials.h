// Server credentials whose every call is judged before its handler runs.
#ifndef TESSERA_GUARD_GUARDED_CREDENTIALS_H_
#define TESSERA_GUARD_GUARDED_CREDENTIALS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/guard/core.h"
#include "tessera/guard/grpc_versions.h"
#include "tessera/guard/guard.h"
#include "tessera/guard/processor.h"

namespace tessera::guard {

// grpc::InsecureServerCredentials() takes no processor at all, so these own C-core credentials of
// their own.
class GuardedCredentials final : public OwnCredentials<grpc::ServerCredentials> {
 public:
  // Takes `credentials` over; not null.
  GuardedCredentials(grpc_server_credentials* credentials, const std::shared_ptr<Core>& core,
                     ClientCertificates certificates);

  // Ignored: a second processor would replace the guard.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

  bool BelongsTo(const Core& core) const { return core_.get() == &core; }

 private:
  const std::shared_ptr<Core> core_;
};

std::shared_ptr<grpc::ServerCredentials> MakePlaintext(const std::shared_ptr<Core>& core);
std::shared_ptr<grpc::ServerCredentials> MakeLocal(grpc_local_connect_type type,
                                                   const std::shared_ptr<Core>& core);
std::shared_ptr<grpc::ServerCredentials> MakeSsl(const grpc::SslServerCredentialsOptions& options,
                                                 const std::shared_ptr<Core>& core);
// INVALID_ARGUMENT: a file cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTls(const Guard::TlsFiles& files,
                                                                 const std::shared_ptr<Core>& core);

// Puts `core` in front of credentials that somebody else built, as Guard::Protect says.
absl::Status ProtectCredentials(const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                ClientCertificates certificates, const std::shared_ptr<Core>& core);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_GUARDED_CREDENTIALS_H_
