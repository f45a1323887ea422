#include "tessera/caller/transport_security.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <map>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"

namespace tessera {
namespace {

// What gRPC says where it finds the connection's own security level too low. Tests notice if a
// later version says something else.
constexpr char kLevelText[] = "does not have a sufficient security level";

// gRPC 1.51 counts LocalCredentials over TCP as private too; that is plaintext, so the type counts.
bool IsPrivate(const grpc::AuthContext& connection) {
  const auto types = connection.FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  if (types.size() != 1) return false;
  const std::string_view type(types[0].data(), types[0].size());
  return type == GRPC_SSL_TRANSPORT_SECURITY_TYPE || type == "tls" || type == "alts";
}

class BearerPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit BearerPlugin(CarriedSecrets secrets) : secrets_(std::move(secrets)) {}

  bool IsBlocking() const override { return false; }
  const char* GetType() const override { return "tessera"; }
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext& connection,
                           std::multimap<std::string, std::string>* metadata) override {
    if (!IsPrivate(connection)) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                          std::string(reason::kPlaintextChannel));
    }
    if (!secrets_.token.empty()) {
      metadata->emplace("authorization", "Bearer " + std::string(secrets_.token.Reveal()));
    }
    if (!secrets_.device_id.empty()) {
      metadata->emplace(kDeviceHeader, std::string(secrets_.device_id.Reveal()));
    }
    return grpc::Status::OK;
  }

 private:
  const CarriedSecrets secrets_;
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> OverPrivateConnection(CarriedSecrets secrets) {
  return grpc::experimental::MetadataCredentialsFromPlugin(
      std::make_unique<BearerPlugin>(std::move(secrets)), GRPC_PRIVACY_AND_INTEGRITY);
}

bool IsPlaintextRefusal(const grpc::Status& status) {
  const std::string message = status.error_message();
  const auto says = [&](std::string_view text) { return message.find(text) != message.npos; };
  // What a plugin answers arrives as UNAVAILABLE, with its text at the end.
  return (status.error_code() == grpc::StatusCode::UNAUTHENTICATED && says(kLevelText)) ||
         (status.error_code() == grpc::StatusCode::UNAVAILABLE && says(reason::kPlaintextChannel));
}

absl::Status PlaintextRefused() {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kPlaintextChannel,
                 "the connection brings no TLS; allow_plaintext is the way to send secrets anyway");
}

bool IsInsecure(const grpc::ChannelCredentials& credentials) {
  const auto insecure = grpc::InsecureChannelCredentials();
  const grpc::ChannelCredentials& known = *insecure;
  return typeid(credentials) == typeid(known);
}

}  // namespace tessera
