#include "tessera/caller/transport_security.h"

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>
#include <grpc/support/string_util.h>
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
bool IsPrivateType(std::string_view type) {
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

// The same for gRPC's C interface.
bool IsPrivateContext(const grpc_auth_context* connection) {
  if (connection == nullptr) return false;
  grpc_auth_property_iterator types = grpc_auth_context_find_properties_by_name(
      connection, GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  const grpc_auth_property* const type = grpc_auth_property_iterator_next(&types);
  if (type == nullptr || grpc_auth_property_iterator_next(&types) != nullptr) return false;
  return IsPrivateType(std::string_view(type->value, type->value_length));
}

// The C interface's plugin; its state is the Secret of a whole header. Answers at once.
int GiveHeader(void* state, grpc_auth_metadata_context context, grpc_credentials_plugin_metadata_cb,
               void*, grpc_metadata* metadata, size_t* count, grpc_status_code* status,
               const char** error) {
  *count = 0;
  if (!IsPrivateContext(context.channel_auth_context)) {
    *status = GRPC_STATUS_UNAUTHENTICATED;
    *error = gpr_strdup(std::string(reason::kPlaintextChannel).c_str());
    return 1;
  }
  const std::string_view header = static_cast<const Secret*>(state)->Reveal();
  metadata[0].key = grpc_slice_from_static_string("authorization");
  metadata[0].value = grpc_slice_from_copied_buffer(header.data(), header.size());
  *count = 1;
  *status = GRPC_STATUS_OK;
  *error = nullptr;
  return 1;
}

char* DescribeHeader(void*) { return gpr_strdup("tessera"); }

void DestroyHeader(void* state) { delete static_cast<Secret*>(state); }

}  // namespace

bool IsPrivate(const grpc::AuthContext& connection) {
  const auto types = connection.FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  if (types.size() != 1) return false;
  return IsPrivateType(std::string_view(types[0].data(), types[0].size()));
}

void SendOverPrivateConnection(grpc_call& call, const Secret& token) {
  grpc_metadata_credentials_plugin plugin = {};
  plugin.get_metadata = GiveHeader;
  plugin.debug_string = DescribeHeader;
  plugin.destroy = DestroyHeader;
  plugin.state = new Secret("Bearer " + std::string(token.Reveal()));
  plugin.type = "tessera";
  grpc_call_credentials* const credentials =
      grpc_metadata_credentials_create_from_plugin(plugin, GRPC_PRIVACY_AND_INTEGRITY, nullptr);
  grpc_call_set_credentials(&call, credentials);
  grpc_call_credentials_release(credentials);
}

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
