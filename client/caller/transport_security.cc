#include "tessera/caller/transport_security.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <map>
#include <typeinfo>

#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"

namespace tessera {
namespace {

// What gRPC says then; a test notices if a later version says something else.
constexpr char kLevelText[] = "does not have a sufficient security level";

class NoMetadata final : public grpc::MetadataCredentialsPlugin {
 public:
  bool IsBlocking() const override { return false; }
  const char* GetType() const override { return "tessera"; }
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>*) override {
    return grpc::Status::OK;
  }
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> PrivateConnectionOnly() {
  return grpc::experimental::MetadataCredentialsFromPlugin(std::make_unique<NoMetadata>(),
                                                           GRPC_PRIVACY_AND_INTEGRITY);
}

bool IsPlaintextRefusal(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAUTHENTICATED &&
         status.error_message().find(kLevelText) != std::string::npos;
}

absl::Status PlaintextRefused() {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kPlaintextChannel,
                 "the connection brings no TLS; allow_plaintext is the way to send tokens anyway");
}

bool IsInsecure(const grpc::ChannelCredentials& credentials) {
  const auto insecure = grpc::InsecureChannelCredentials();
  const grpc::ChannelCredentials& known = *insecure;
  return typeid(credentials) == typeid(known);
}

}  // namespace tessera
