// Keeps secrets off connections that do not keep them private. The check is made on the connection
// that a call is about to use, before anything of the call is sent.
#ifndef TESSERA_CALLER_TRANSPORT_SECURITY_H_
#define TESSERA_CALLER_TRANSPORT_SECURITY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tessera/base/secret.h"

struct grpc_call;

namespace grpc {
class AuthContext;
class CallCredentials;
class ChannelCredentials;
class Status;
}  // namespace grpc

namespace tessera {

// The metadata that names the caller's device.
inline constexpr char kDeviceHeader[] = "tessera-device-id";

// What a call carries; what is empty is not sent.
struct CarriedSecrets {
  Secret token;      // `authorization: Bearer`
  Secret device_id;  // kDeviceHeader
};

// Call credentials that add `secrets`, and without which the call is not sent: they go to
// connections by TLS or ALTS only.
std::shared_ptr<grpc::CallCredentials> OverPrivateConnection(CarriedSecrets secrets);

// The same for one call that has not begun, in place of all credentials that it had: without the
// threads that gRPC gives to each CallCredentials made of a plugin.
void SendOverPrivateConnection(grpc_call& call, const Secret& token);

// True for TLS and ALTS.
bool IsPrivate(const grpc::AuthContext& connection);

// True if `status` says that a connection was not private enough for such credentials.
bool IsPlaintextRefusal(const grpc::Status& status);

// FAILED_PRECONDITION PLAINTEXT_CHANNEL.
absl::Status PlaintextRefused();

// True for grpc::InsecureChannelCredentials(); others may bring no TLS either, which shows on the
// connection only.
bool IsInsecure(const grpc::ChannelCredentials& credentials);

}  // namespace tessera

#endif  // TESSERA_CALLER_TRANSPORT_SECURITY_H_
