#include "connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <fstream>
#include <iostream>
#include <sstream>

namespace orders {
namespace {

constexpr int kKeepaliveMilliseconds = 20'000;  // tesserad permits a ping every 10 s
constexpr int kKeepaliveTimeoutMilliseconds = 10'000;

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return absl::InvalidArgumentError("cannot read " + file);
  return text.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Tls(const std::string& ca_file) {
  grpc::SslCredentialsOptions options;
  if (!ca_file.empty()) {
    auto roots = ReadFile(ca_file);
    if (!roots.ok()) return roots.status();
    options.pem_root_certs = *std::move(roots);
  }
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> Connect(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

std::function<absl::StatusOr<tessera::Secret>()> PasswordFrom(const std::string& file) {
  return [file]() -> absl::StatusOr<tessera::Secret> {
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line)) return absl::NotFoundError("cannot read " + file);
    return tessera::Secret(std::move(line));
  };
}

void StderrLog::Write(const tessera::LogEvent& event) {
  std::ostringstream line;
  line << event.name;
  for (const auto& [key, value] : event.fields) line << ' ' << key << '=' << value;
  line << '\n';
  std::cerr << line.str();
}

}  // namespace orders
