// What a call and its connection show of the caller, besides tokens.
#ifndef TESSERA_SERVER_RPC_CALLER_EVIDENCE_H_
#define TESSERA_SERVER_RPC_CALLER_EVIDENCE_H_

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/call_info.h"

namespace tessera::server {

// Whether the port verifies client certificates. The connection does not say: it shows a
// certificate that nobody has verified as well.
enum class ClientCertificates { kUnverified, kVerified };

// Metadata that names the caller's device.
inline constexpr std::string_view kDeviceMetadata = "tessera-device-id";

// The value of kDeviceMetadata; empty without it. INVALID_ARGUMENT FIELD_INVALID: several, or one
// that is no device id.
absl::StatusOr<std::string> DeviceIdOf(const grpc::ServerContextBase& context);

// The connection's client certificate; absent if there is none, if it cannot be read, or if nobody
// has verified it. A connection without one costs nothing but a look.
std::optional<ClientCertificate> CertificateOf(const grpc::ServerContextBase& context,
                                               ClientCertificates certificates);

// Reads one in PEM. Names: the DNS and URI subject alternative names, in their order, without those
// that hold anything but printable ASCII.
std::optional<ClientCertificate> ReadClientCertificate(std::string_view pem);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_CALLER_EVIDENCE_H_
