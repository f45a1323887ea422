#include "server/mesh_port.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr char kCheck[] = "/envoy.service.auth.v3.Authorization/Check";
// A description of a call with all its headers; a proxy limits those to 60 KiB by default.
constexpr int kMaxCheckBytes = 256 * 1024;
constexpr std::string_view kUnix = "unix:";

bool IsUnix(std::string_view listen) { return listen.substr(0, kUnix.size()) == kUnix; }

MeshOptions OptionsOf(const Config& config) {
  MeshOptions options;
  options.issuer = config.tokens.issuer;
  options.leeway = config.tokens.leeway;
  options.uncut_streams = config.mesh.uncut_streams;
  for (const std::string& set : config.mesh.descriptor_sets) {
    const size_t end = set.find('=');
    options.rule_sets.push_back({set.substr(0, end), set.substr(end + 1)});
  }
  return options;
}

// Every call was let in by the port: there is no token to look at.
GuardOptions GuardingOf(const Config& config, const MeshJudge::Parts& parts) {
  GuardOptions options;
  options.issuer = config.tokens.issuer;
  options.audience = config.tokens.self_audience;
  options.keys = parts.keys;
  options.revocations = RevocationsFromView(parts.revocations);
  options.clock = &parts.clock;
  options.log = &parts.log;
  Rule everybody;
  everybody.admission = Admission::kPublic;
  options.rules[kCheck] = everybody;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MeshPort>> MeshPort::Create(const Config& config,
                                                           const MeshJudge::Parts& parts) {
  if (!config.mesh.enabled) return std::unique_ptr<MeshPort>();
  TESSERA_ASSIGN_OR_RETURN(std::unique_ptr<MeshJudge> judge,
                           MeshJudge::Create(OptionsOf(config), parts));
  return std::unique_ptr<MeshPort>(new MeshPort(config, parts, std::move(judge)));
}

MeshPort::MeshPort(const Config& config, const MeshJudge::Parts& parts,
                   std::unique_ptr<MeshJudge> judge)
    : config_(config),
      parts_(parts),
      judge_(std::move(judge)),
      service_(*judge_, config.mesh.remove_authorization),
      own_service_(*judge_, config.mesh.remove_authorization) {}

MeshPort::~MeshPort() { Shutdown(absl::ZeroDuration()); }

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MeshPort::Credentials() {
  const TlsConfig& tls = config_.server.tls;
  if (!config_.mesh.client_ca.empty()) {
    return guard_->Tls({tls.certificate, tls.key, config_.mesh.client_ca});
  }
  if (!IsUnix(config_.mesh.listen) && !IsLoopback(config_.mesh.listen)) {
    return absl::InvalidArgumentError("mesh.listen: off loopback it needs mesh.client_ca");
  }
  return guard_->Plaintext();
}

absl::Status MeshPort::Listen() {
  const std::string& listen = config_.mesh.listen;
  if (listen.empty()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(guard_, Guard::Create(GuardingOf(config_, parts_)));
  TESSERA_ASSIGN_OR_RETURN(const auto credentials, Credentials());
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxCheckBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(listen, credentials, &port);
  builder.RegisterService(&own_service_);
  TESSERA_ASSIGN_OR_RETURN(server_, guard_->Start(builder));
  address_ = IsUnix(listen) ? listen : absl::StrCat(listen.substr(0, listen.rfind(':') + 1), port);
  parts_.log.Info("mesh.ready", {{"address", address_}});
  return absl::OkStatus();
}

void MeshPort::Shutdown(absl::Duration grace) {
  judge_->Drain();
  if (server_ == nullptr) return;
  guard_->Drain();
  server_->Shutdown(absl::ToChronoTime(SystemClock().Now() + grace));
  server_.reset();
}

}  // namespace tessera::server
