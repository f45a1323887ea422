#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/audit/audit_facade.h"
#include "server/audit/audit_retention.h"
#include "server/audit/auditing_log.h"
#include "server/audit/decision_queue.h"
#include "server/audit/stored_audit_trail.h"
#include "server/auth/auth_facade.h"
#include "server/auth/clock_watch.h"
#include "server/auth/key_changes.h"
#include "server/auth/key_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/key_rotator.h"
#include "server/auth/password_hasher.h"
#include "server/auth/password_policy.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/service_secret.h"
#include "server/auth/service_token_issuer.h"
#include "server/auth/token_exchange.h"
#include "server/config/reset_time.h"
#include "server/mesh_port.h"
#include "server/open_store.h"
#include "server/part_options.h"
#include "server/pools.h"
#include "server/rpc/auth_service.h"
#include "server/rpc/health.h"
#include "server/rpc/key_ring_source.h"
#include "server/rpc/revocation_hub.h"
#include "server/rpc/user_service.h"
#include "server/service_proofs.h"
#include "server/user/administrators.h"
#include "server/user/bootstrap.h"
#include "server/user/group_facade.h"
#include "server/user/password_reset.h"
#include "server/user/role_facade.h"
#include "server/user/second_factor_facade.h"
#include "server/user/service_account_facade.h"
#include "server/user/session_facade.h"
#include "server/user/user_facade.h"
#include "storage/sql/mysql_store.h"
#include "storage/sql/sqlite_store.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/guard.h"

namespace tessera::server {
namespace {

// Connections for what runs beside the lanes: the feed's reader, the key ring, the key rotator, the
// cleaner, the clock's watch, the audit trail's writer and its retention.
constexpr int kBackgroundConnections = 7;
constexpr int kMoreConnections = kUrgentThreads + kBackgroundConnections;
static_assert(kMaxConnections + kMoreConnections <= storage::kMaxSqliteReaders);
static_assert(kMaxConnections + kMoreConnections <= storage::kMaxMysqlConnections);
constexpr int kKeepaliveMilliseconds = 60'000;
constexpr int kKeepaliveTimeoutMilliseconds = 20'000;
constexpr int kMinPingIntervalMilliseconds = 10'000;
constexpr std::string_view kReplicaPrefix = "rep_";

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  // Otherwise a second server on the port would quietly get half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(kMaxConnectionIdle)));
  builder.SetResourceQuota(grpc::ResourceQuota("tesserad").SetMaxThreads(kMaxSyncThreads));
  // Each queue takes threads of the quota at the start, and by default there is one for each core.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
}

std::string WithPort(const std::string& listen, int port) {
  return absl::StrCat(listen.substr(0, listen.rfind(':') + 1), port);
}

}  // namespace

// The wiring. A part uses only parts above it, so they go in the reverse order; the pools go first
// of all, because their jobs use everything.
struct Server::Parts {
  Parts(const Config& the_config, const Clock& the_clock, LogSink& the_log)
      : config(the_config),
        clock(the_clock),
        untrailed_log(the_log),
        decisions(the_clock),
        log(the_log, decisions, the_clock),
        health(log) {}

  absl::Status OpenStore(StopAsked stop_asked);
  absl::Status OpenAuth();
  absl::Status OpenTrail();
  void MakeFacades();
  absl::Status MakeGuard();
  absl::Status RotateKeys();
  void MakeServices();
  ClientCertificates Certificates() const;
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Credentials();
  absl::Status MakeMesh();
  void WatchClock();
  absl::Status Listen();

  const Config config;
  const Clock& clock;
  const std::string replica_id = RandomId(kReplicaPrefix, clock.Now());
  LogSink& untrailed_log;  // past the audit trail, which calls of others would crowd out
  DecisionQueue decisions;
  AuditingLog log;
  Health health;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<KeyRing> keys;
  std::unique_ptr<StoredAuditTrail> audit;
  std::unique_ptr<AuditRetention> retention;
  std::unique_ptr<AuditFacade> trail;
  std::optional<Sealer> sealer;
  std::unique_ptr<KeyChanges> key_changes;
  std::optional<PasswordHasher> hasher;
  std::optional<PasswordPolicy> password_policy;
  size_t arena_bytes = 0;  // of each hashing thread
  std::unique_ptr<RevocationFeed> feed;
  std::unique_ptr<ClockWatch> clock_watch;
  std::optional<LoginThrottle> throttle;
  std::unique_ptr<AuthFacade> auth;
  std::unique_ptr<UserFacade> users;
  std::unique_ptr<UserImport> imports;
  std::unique_ptr<PasswordResets> resets;
  std::unique_ptr<RoleFacade> roles;
  std::unique_ptr<GroupFacade> groups;
  std::unique_ptr<ServiceAccountFacade> services;
  std::unique_ptr<SecondFactorFacade> factors;
  std::unique_ptr<ServiceSecretCheck> service_secrets;
  std::unique_ptr<ServiceProofs> service_proofs;
  std::unique_ptr<ServiceTokenIssuer> service_tokens;
  std::unique_ptr<SessionFacade> sessions;
  std::unique_ptr<TokenExchange> exchange;
  std::unique_ptr<Pools> pools;
  std::shared_ptr<KeyRingSource> key_source;
  std::unique_ptr<Guard> guard;
  std::unique_ptr<MeshPort> mesh;  // null: not served
  std::unique_ptr<RevocationHub> hub;
  std::unique_ptr<KeyRotator> rotator;
  std::unique_ptr<KeyFacade> key_facade;
  std::unique_ptr<AuthService> auth_service;
  std::unique_ptr<UserService> user_service;
  std::unique_ptr<grpc::Server> grpc_server;
  std::string address;
};

absl::Status Server::Parts::OpenStore(StopAsked stop_asked) {
  const bool own_writer = !SqlitePath(config.storage).empty();  // it needs no connections to write
  const int connections =
      config.storage.connections + kMoreConnections + (own_writer ? 0 : HashingThreads());
  TESSERA_ASSIGN_OR_RETURN(
      store, server::OpenStore({config.storage, connections, std::move(stop_asked)}, clock, log));
  return absl::OkStatus();
}

absl::Status Server::Parts::OpenAuth() {
  const std::string& reset = config.tokens.refresh_reset_at;
  if (!reset.empty() && !ParseResetTime(reset).has_value()) {
    return absl::InvalidArgumentError("tokens.refresh_reset_at: not known");
  }
  TESSERA_ASSIGN_OR_RETURN(MasterKeys master, MasterKeys::FromFile(config.keys.master_key_file));
  const std::optional<Algorithm> algorithm = AlgorithmFromName(config.keys.algorithm);
  if (!algorithm.has_value()) return absl::InvalidArgumentError("keys.algorithm: not known");
  TESSERA_ASSIGN_OR_RETURN(sealer, Sealer::Create(master));
  TESSERA_ASSIGN_OR_RETURN(keys, KeyRing::Open(*store, std::move(master), *algorithm, clock, log));
  TESSERA_RETURN_IF_ERROR(OpenTrail());
  key_changes = std::make_unique<KeyChanges>(KeyPolicyOf(config), *sealer,
                                             KeyChanges::Parts{*store, clock, log});
  TESSERA_ASSIGN_OR_RETURN(
      hasher, PasswordHasher::Create({config.passwords.memory_kib, config.passwords.passes}));
  std::vector<std::string> warnings;
  TESSERA_ASSIGN_OR_RETURN(password_policy, PasswordPolicyOf(config.passwords, warnings));
  for (const std::string& warning : warnings) log.Warning("config.warning", {{"text", warning}});
  BootstrapOptions bootstrap = BootstrapOf(config);
  bootstrap.passwords = *password_policy;
  // On a thread that ends: the memory that hashing sets aside for a thread goes with it.
  absl::Status bootstrapped;
  std::thread([&] { bootstrapped = Bootstrap(bootstrap, *store, *hasher, clock, log); }).join();
  TESSERA_RETURN_IF_ERROR(bootstrapped);
  TESSERA_ASSIGN_OR_RETURN(arena_bytes, ArenaBytesFor(*hasher, *store, clock));
  TESSERA_ASSIGN_OR_RETURN(feed, RevocationFeed::Open(*store, *keys, {}, clock, log));
  return absl::OkStatus();
}

// As soon as there are keys: what is told from now on is kept, and what was told before.
absl::Status Server::Parts::OpenTrail() {
  TESSERA_ASSIGN_OR_RETURN(
      audit, StoredAuditTrail::Open({replica_id, PrintConfig(config)},
                                    StoredAuditTrail::Parts{*store, *keys, decisions, clock, log}));
  retention = std::make_unique<AuditRetention>(
      AuditRetention::Policy{config.audit.retention, config.audit.max_events},
      AuditRetention::Parts{*store, *keys, clock, log});
  trail = std::make_unique<AuditFacade>(AuditFacade::Parts{*store, *keys});
  return absl::OkStatus();
}

void Server::Parts::MakeFacades() {
  throttle.emplace(PolicyOf(config.throttle), LoginThrottle::Parts{*store, *keys, clock, log});
  auth = std::make_unique<AuthFacade>(
      PolicyOf(config.tokens),
      AuthFacade::Parts{*store, *keys, *hasher, *feed, clock, log, *throttle, clock_watch.get(),
                        PolicyOf(config.second_factor)});
  factors = std::make_unique<SecondFactorFacade>(
      PolicyOf(config.second_factor),
      SecondFactorFacade::Parts{*store, *keys, *hasher, *throttle, *feed, *audit, clock, log});
  const UserFacade::Parts user_parts{*store,
                                     *hasher,
                                     *feed,
                                     clock,
                                     log,
                                     *audit,
                                     *throttle,
                                     *password_policy,
                                     UserPolicyOf(config)};
  users = std::make_unique<UserFacade>(user_parts);
  imports = std::make_unique<UserImport>(user_parts);
  resets = std::make_unique<PasswordResets>(
      config.passwords.reset_token_ttl, *password_policy,
      PasswordResets::Parts{*store, *keys, *hasher, *throttle, *feed, *audit, clock, log});
  roles = std::make_unique<RoleFacade>(
      AllAudiences(config.tokens),
      RoleFacade::Parts{*store, *feed, clock, log, *audit, config.users.admin_roles,
                        config.tokens.revoke_on_role_change});
  groups = std::make_unique<GroupFacade>(
      GroupFacade::Parts{*store, *feed, clock, log, *audit, config.tokens.revoke_on_role_change});
  exchange = std::make_unique<TokenExchange>(
      PolicyOf(config.tokens), TokenExchange::Parts{*store, *keys, *feed, clock, log});
  sessions =
      std::make_unique<SessionFacade>(SessionFacade::Parts{*store, *feed, clock, log, *audit});
  services = std::make_unique<ServiceAccountFacade>(
      ServiceAccountFacade::Lists{AllAudiences(config.tokens), config.tokens.scopes},
      ServiceAccountFacade::Parts{*store, *keys, *feed, clock, log, *audit});
  service_secrets =
      std::make_unique<ServiceSecretCheck>(ServiceSecretCheck::Parts{*store, *keys, clock});
  ServiceTokenIssuer::Checks checks;
  checks.secret = service_secrets.get();
  service_proofs = std::make_unique<ServiceProofs>(config, *store, clock, log);
  service_proofs->AddTo(checks);
  service_tokens = std::make_unique<ServiceTokenIssuer>(
      PolicyOf(config.tokens), checks, ServiceTokenIssuer::Parts{*keys, clock, log});
  pools = std::make_unique<Pools>(config, arena_bytes, clock);
}

absl::Status Server::Parts::MakeGuard() {
  GuardOptions options;
  options.issuer = config.tokens.issuer;
  options.audience = config.tokens.self_audience;
  key_source = std::make_shared<KeyRingSource>(*keys, pools->urgent, clock);
  options.keys = key_source;
  options.revocations = RevocationsFromView(feed->view());
  options.reflection = AccessOf(config.server.reflection);
  options.reveal_device_ids_to_handlers = true;  // logins bind to them, renewals compare them
  options.leeway = config.tokens.leeway;
  if (config.cookies.enabled) {
    options.cookie = {config.cookies.access_name, config.cookies.allowed_origins};
    Rule renewal;
    renewal.admission = Admission::kPublic;
    renewal.forwards_cookie = true;  // a renewal may have to bring the access token too
    options.rules["/tessera.v1.AuthService/RenewToken"] = renewal;
  }
  options.clock = &clock;
  options.log = &log;
  TESSERA_ASSIGN_OR_RETURN(guard, Guard::Create(std::move(options)));
  return absl::OkStatus();
}

// Before anything is served: from here on a new key waits for this replica.
absl::Status Server::Parts::RotateKeys() {
  hub = std::make_unique<RevocationHub>(*feed, *keys, log);
  KeyRotator::Options options;
  options.replica_id = replica_id;
  options.guards_key_set = [this] { return hub->LowestAcknowledgedKeySet(); };
  options.shared_key_file = config.keys.hs256_file;
  rotator = std::make_unique<KeyRotator>(
      std::move(options), KeyRotator::Parts{*store, *keys, *key_changes, *feed, clock, log});
  key_facade = std::make_unique<KeyFacade>(
      *sealer, KeyFacade::Parts{*store, *key_changes, *rotator, *feed, clock, log, *audit,
                                RefuseUnlessAdministrator});
  return rotator->Start();
}

void Server::Parts::MakeServices() {
  auth_service = std::make_unique<AuthService>(AuthService::Parts{
      *auth, *sessions, *service_tokens, *exchange, *key_facade, *key_source, *hub, *guard,
      pools->lanes(), clock, log, Certificates(), CookiesOf(config), service_proofs->kubernetes(),
      SourceOf(config.server.trusted_proxies)});
  user_service = std::make_unique<UserService>(UserService::Parts{
      *users, *roles, *groups, *services, *factors, *imports, *resets, *trail, *guard,
      pools->lanes(), clock, log, SourceOf(config.server.trusted_proxies)});
}

// As Credentials has it: without TLS of its own the port verifies none.
ClientCertificates Server::Parts::Certificates() const {
  const TlsConfig& tls = config.server.tls;
  const bool verified = !tls.certificate.empty() && !tls.client_ca.empty();
  return verified ? ClientCertificates::kVerified : ClientCertificates::kUnverified;
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Server::Parts::Credentials() {
  const TlsConfig& tls = config.server.tls;
  if (!tls.certificate.empty()) return guard->Tls({tls.certificate, tls.key, tls.client_ca});
  if (!config.server.plaintext) {
    return absl::InvalidArgumentError(
        "server.tls.certificate and server.tls.key are required unless server.plaintext = true");
  }
  if (!IsLoopback(config.server.listen) && !config.server.plaintext_off_loopback) {
    return absl::InvalidArgumentError(
        "server.listen: plaintext off loopback needs server.plaintext_off_loopback = true");
  }
  return guard->Plaintext();
}

absl::Status Server::Parts::MakeMesh() {
  TESSERA_ASSIGN_OR_RETURN(
      mesh, MeshPort::Create(config, {key_source, feed->view(), clock, untrailed_log}));
  return absl::OkStatus();
}

void Server::Parts::WatchClock() {
  ClockWatch::Options options;
  options.limit = config.storage.max_clock_difference;
  clock_watch = std::make_unique<ClockWatch>(
      options, ClockWatch::Parts{*store, clock, log, [this](bool agrees) {
                                   health.Set(Obstacle::kClockDiffers, !agrees);
                                 }});
}

absl::Status Server::Parts::Listen() {
  if (mesh != nullptr) TESSERA_RETURN_IF_ERROR(mesh->Listen());
  TESSERA_ASSIGN_OR_RETURN(const auto credentials, Credentials());
  EnableHealth();
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(builder);
  int port = 0;
  builder.AddListeningPort(config.server.listen, credentials, &port);
  builder.RegisterService(auth_service.get());
  builder.RegisterService(user_service.get());
  if (mesh != nullptr) builder.RegisterService(mesh->service());
  TESSERA_ASSIGN_OR_RETURN(grpc_server, guard->Start(builder));
  if (port == 0) {
    return absl::UnavailableError(
        absl::StrCat("server.listen: cannot listen on ", config.server.listen));
  }
  address = WithPort(config.server.listen, port);
  health.Set(Obstacle::kViewNotLoaded, !feed->view()->loaded());
  health.Tell(*grpc_server);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const Config& config, const Clock& clock,
                                                       LogSink& log, StopAsked stop_asked) {
  auto parts = std::make_unique<Parts>(config, clock, log);
  TESSERA_RETURN_IF_ERROR(parts->OpenStore(std::move(stop_asked)));
  TESSERA_RETURN_IF_ERROR(parts->OpenAuth());
  parts->WatchClock();
  parts->MakeFacades();
  TESSERA_RETURN_IF_ERROR(parts->MakeGuard());
  TESSERA_RETURN_IF_ERROR(parts->RotateKeys());
  parts->MakeServices();
  TESSERA_RETURN_IF_ERROR(parts->MakeMesh());
  TESSERA_RETURN_IF_ERROR(parts->Listen());
  parts->log.Info("server.ready", {{"address", parts->address}});
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

const std::string& Server::address() const { return parts_->address; }

void Server::Shutdown(absl::Duration grace) {
  if (parts_->grpc_server == nullptr) return;
  parts_->log.Info("server.draining", {{"grace", absl::FormatDuration(grace)}});
  parts_->health.Set(Obstacle::kDraining, true);
  parts_->guard->Drain();
  const absl::Time end = SystemClock().Now() + grace;
  if (parts_->mesh != nullptr) parts_->mesh->Shutdown(grace);
  parts_->hub->Shutdown();
  parts_->grpc_server->Shutdown(absl::ToChronoTime(end));
  parts_->health.Leave();
  parts_->grpc_server.reset();
  parts_->pools.reset();
  parts_->log.Info("server.stopped");
}

}  // namespace tessera::server
