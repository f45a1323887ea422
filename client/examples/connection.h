// What both example programs need to reach a server.
#ifndef ORDERS_CONNECTION_H_
#define ORDERS_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <tessera/base/log.h>
#include <tessera/caller/caller.h>

#include <functional>
#include <memory>
#include <string>

namespace orders {

// TLS that trusts the certificates in `ca_file` (empty: those that the machine trusts).
// INVALID_ARGUMENT: the file cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Tls(const std::string& ca_file);

// A channel that notices when its connection has died without a word.
std::shared_ptr<grpc::Channel> Connect(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials);

// Reads the first line of `file` at each login, so that a changed password is picked up.
std::function<absl::StatusOr<tessera::Secret>()> PasswordFrom(const std::string& file);

// The text of a file. INVALID_ARGUMENT: it cannot be read.
absl::StatusOr<std::string> ReadFile(const std::string& file);

// Writes events to standard error, one a line.
class StderrLog final : public tessera::LogSink {
 public:
  void Write(const tessera::LogEvent& event) override;
};

}  // namespace orders

#endif  // ORDERS_CONNECTION_H_
