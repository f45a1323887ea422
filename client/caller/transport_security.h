// Keeps secrets off connections that do not keep them private. The check is gRPC's own, made on the
// connection that a call is about to use: call credentials are released to private ones only.
#ifndef TESSERA_CALLER_TRANSPORT_SECURITY_H_
#define TESSERA_CALLER_TRANSPORT_SECURITY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace grpc {
class CallCredentials;
class ChannelCredentials;
class Status;
}  // namespace grpc

namespace tessera {

// Call credentials that add nothing: a call that has them is not sent over a connection which is
// not private.
std::shared_ptr<grpc::CallCredentials> PrivateConnectionOnly();

// True if `status` is gRPC's refusal to release call credentials to the connection.
bool IsPlaintextRefusal(const grpc::Status& status);

// FAILED_PRECONDITION PLAINTEXT_CHANNEL.
absl::Status PlaintextRefused();

// True for grpc::InsecureChannelCredentials(); others may bring no TLS either, which shows on the
// connection only.
bool IsInsecure(const grpc::ChannelCredentials& credentials);

}  // namespace tessera

#endif  // TESSERA_CALLER_TRANSPORT_SECURITY_H_
