#include "tessera/cli/connection.h"

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

constexpr size_t kMaxCaBytes = 1024 * 1024;
// A renewal whose answer was lost is tried again at once; gRPC's own first back-off is a second.
constexpr int kReconnectMilliseconds = 200;

absl::Status BadAddress(const std::string& server) {
  return UsageError("--server: expected host:port or [address]:port, got \"" + server + "\"");
}

absl::StatusOr<std::string> ReadCa(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return UsageError("--ca: cannot open " + path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.size() > kMaxCaBytes || text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return UsageError("--ca: " + path + " holds no PEM certificate");
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const Context& context) {
  if (context.plaintext) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (!context.ca.empty()) {
    TESSERA_ASSIGN_OR_RETURN(options.pem_root_certs, ReadCa(context.ca));
  }
  return grpc::SslCredentials(options);
}

}  // namespace

bool IsLoopback(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
  return false;
}

absl::StatusOr<std::string> HostOf(const std::string& server) {
  const size_t colon = server.rfind(':');
  if (colon == std::string::npos || colon == 0) return BadAddress(server);
  const std::string host = server.substr(0, colon);
  int port = 0;
  if (!absl::SimpleAtoi(server.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return BadAddress(server);
  }
  const bool bracketed = host.front() == '[' && host.back() == ']';
  // No schemes, no lists, no paths: exactly one machine.
  if (!bracketed && host.find_first_of(":/,[]") != std::string::npos) return BadAddress(server);
  for (const char c : host) {
    if (c <= ' ' || c == 0x7f || c == '%') return BadAddress(server);
  }
  return host;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Context& context) {
  TESSERA_ASSIGN_OR_RETURN(const std::string host, HostOf(context.server));
  if (context.plaintext && !IsLoopback(host) && !context.plaintext_off_loopback) {
    return Refusal(absl::StatusCode::kInvalidArgument, local_reason::kPlaintextRefused,
                   context.server +
                       " is another machine: without TLS everybody on the way could "
                       "read passwords and tokens (--plaintext-off-loopback if it "
                       "must be)");
  }
  TESSERA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                           Credentials(context));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMilliseconds);
  // Not GRPC_ARG_MIN_RECONNECT_BACKOFF_MS: it is also how long a TLS handshake may take.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A proxy would see what plaintext carries, and loopback has no use for one.
  if (context.plaintext) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel("dns:///" + context.server, credentials, arguments);
}

}  // namespace tessera::cli
