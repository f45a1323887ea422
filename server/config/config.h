// The configuration of tesserad: one TOML file, each key overridable by environment.
// README.md beside this file lists every key.
#ifndef TESSERA_SERVER_CONFIG_CONFIG_H_
#define TESSERA_SERVER_CONFIG_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tessera::server {

// How the reflection services may be called; `server.reflection`.
enum class Reflection { kOff, kAuthenticated, kPublic };

struct TlsConfig {
  std::string certificate;  // PEM files; certificate and key are both set or both empty
  std::string key;
  std::string client_ca;  // empty: no client certificates
};

struct ServerConfig {
  std::string listen = "127.0.0.1:7443";  // port 0: any free port
  bool plaintext = false;
  bool plaintext_off_loopback = false;
  Reflection reflection = Reflection::kAuthenticated;
  // Networks, or addresses, of proxies whose `x-forwarded-for` is believed.
  std::vector<std::string> trusted_proxies;
  TlsConfig tls;
};

struct OpsConfig {
  std::string listen = "127.0.0.1:9464";  // not served yet
};

struct StorageConfig {
  std::string url = "sqlite:/var/lib/tessera/tessera.db";
  int connections = 4;  // of the database lane; what runs beside it has more of its own

  // For mysql alone: with another url each must be as it is here.
  std::string password_file;  // required; its first line, read at the start
  std::string tls_ca;         // PEM; required off loopback, unless the next says otherwise
  bool plaintext_off_loopback = false;
  bool relaxed_durability = false;
  bool migrate = true;                               // bring the schema up to date at the start
  absl::Duration wait_at_start = absl::Seconds(60);  // for a database that is away
  absl::Duration max_clock_difference = absl::Seconds(5);
};

struct KeysConfig {
  std::string master_key_file;                         // required
  std::string algorithm = "ES256";                     // a name that AlgorithmFromName knows
  absl::Duration rotate_every = absl::Hours(24 * 30);  // zero: by command alone
  absl::Duration publish_ahead = absl::Minutes(10);
  // A new key signs without the acknowledgement of a guard that is connected but says nothing, when
  // it has been waited for so long behind publish_ahead.
  absl::Duration acknowledge_timeout = absl::Minutes(1);
  // Required with HS256, and refused otherwise: where the shared keys are written for guards, as a
  // JWK set (0600).
  std::string hs256_file;
};

struct TokensConfig {
  std::string issuer;  // required
  std::string self_audience = "tessera";
  std::vector<std::string> audiences;  // besides self_audience
  absl::Duration access_ttl = absl::Minutes(15);
  absl::Duration refresh_ttl = absl::Hours(24 * 30);
  absl::Duration refresh_idle_ttl = absl::Hours(24 * 7);
  absl::Duration reuse_grace = absl::Seconds(30);
  std::string refresh_reset_at;  // `HH:MM ZONE`: sessions end then; empty: never by the hour
  absl::Duration leeway = absl::Seconds(5);
  std::vector<std::string> scopes;            // that a login may ask for
  std::vector<std::string> requested_claims;  // names of claims that a login may ask for
  std::vector<std::string> attribute_claims;  // names of user attributes that tokens carry
  bool renewal_needs_access_token = false;
  bool renewal_only_after_expiry = false;
  bool renewal_by_access_token = false;
  bool one_session_per_user = false;
  bool revoke_on_role_change = false;
};

// Tokens in cookies, for browsers.
struct CookiesConfig {
  bool enabled = false;
  std::string access_name = "__Host-tessera-access";
  std::string refresh_name = "__Host-tessera-refresh";
  std::string same_site = "Strict";  // or `Lax`
  std::vector<std::string> allowed_origins;
};

// How service accounts of Kubernetes prove themselves. Empty: not at all.
struct KubernetesConfig {
  std::string issuer;
  std::string audience;  // empty: tokens.issuer
  std::string jwks_file;
  std::string jwks_url;    // https, or http on loopback; one of the two
  std::string ca_file;     // of jwks_url
  std::string token_file;  // the bearer token shown to jwks_url; empty: none
};

// Calls of other services that a proxy asks about.
struct MeshConfig {
  bool enabled = false;
  std::vector<std::string> descriptor_sets;  // `AUDIENCE=FILE`; read at the start
  std::string listen;                        // a port for it alone; empty: none
  std::string client_ca;                     // PEM: whose certificates may ask there
  bool remove_authorization = false;
  bool uncut_streams = false;
};

struct PasswordsConfig {
  uint32_t memory_kib = 19456;
  uint32_t passes = 2;
  int min_length = 8;
  std::string blocklist_file;  // empty: the common passwords alone
  absl::Duration reset_token_ttl = absl::Hours(1);
};

// Codes of authenticators (RFC 6238). All but the last two are of factors that are enrolled from
// now on: what a user has goes on as it was enrolled.
struct SecondFactorConfig {
  std::string issuer = "tessera";  // what authenticators call this server
  std::string algorithm = "SHA1";  // or SHA256, SHA512; many authenticators know only this
  int digits = 6;                  // or 8
  absl::Duration period = absl::Seconds(30);
  int drift = 1;  // how many periods an authenticator's clock may be off, either way
  absl::Duration challenge_ttl = absl::Minutes(5);  // to answer a login's challenge
};

// What guessing is slowed down by; server/auth/login_throttle.h says how it is counted.
struct ThrottleConfig {
  int attempts = 5;           // at one account from one source, or from one device
  int account_attempts = 50;  // at one account from wherever, without a device's proof
  int source_attempts = 100;  // from one source, at whatever account
  int registrations = 10;     // from one source
  absl::Duration first_delay = absl::Seconds(1);
  absl::Duration max_delay = absl::Minutes(15);
  absl::Duration forget_after = absl::Hours(1);
  absl::Duration device_ttl = absl::Hours(24 * 90);
};

struct UsersConfig {
  std::vector<std::string> initial_roles;  // that every new user gets; made at the start
  std::vector<std::string> admin_roles;    // whose holders are administrators to LookupRoles
};

struct RegistrationConfig {
  bool enabled = false;  // whether anybody may become a user by RegisterUser
};

struct AuditConfig {
  absl::Duration retention = absl::Hours(24 * 90);  // how long events are kept
  int max_events = 10'000'000;                      // and how many; beyond it the oldest go early
};

struct LogConfig {
  std::string format = "text";  // or `json`: an object on each line
};

struct BootstrapConfig {
  std::string admin_username = "admin";
  std::string admin_password_file;
};

struct Config {
  ServerConfig server;
  OpsConfig ops;
  StorageConfig storage;
  KeysConfig keys;
  TokensConfig tokens;
  CookiesConfig cookies;
  KubernetesConfig kubernetes;
  MeshConfig mesh;
  PasswordsConfig passwords;
  SecondFactorConfig second_factor;
  ThrottleConfig throttle;
  UsersConfig users;
  RegistrationConfig registration;
  BootstrapConfig bootstrap;
  AuditConfig audit;
  LogConfig log;

  // What the operator should know although the configuration is accepted; one line each.
  std::vector<std::string> warnings;
};

// Environment variables by name.
using Environment = std::map<std::string, std::string>;

// The limits of the values.
inline constexpr absl::Duration kMaxLeeway = absl::Seconds(60);
inline constexpr absl::Duration kMinAccessTtl = absl::Seconds(1);
inline constexpr absl::Duration kLongestAccessTtl = absl::Hours(24);
inline constexpr absl::Duration kMinRefreshTtl = absl::Seconds(1);
inline constexpr absl::Duration kMaxRefreshTtl = absl::Hours(24 * 3660);
inline constexpr absl::Duration kMaxReuseGrace = absl::Minutes(5);
inline constexpr absl::Duration kMinRotateEvery = absl::Seconds(1);
inline constexpr absl::Duration kMaxRotateEvery = absl::Hours(24 * 3660);
inline constexpr absl::Duration kMaxPublishAhead = absl::Hours(24 * 30);
inline constexpr absl::Duration kMaxAcknowledgeTimeout = absl::Hours(24);
inline constexpr int kMaxConnections = 256;
inline constexpr absl::Duration kMaxWaitAtStart = absl::Hours(1);
inline constexpr absl::Duration kMinClockDifference = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxClockDifference = absl::Hours(24 * 3660);
inline constexpr absl::Duration kMinThrottleDelay = absl::Milliseconds(1);
inline constexpr absl::Duration kMaxThrottleDelay = absl::Hours(24);
inline constexpr absl::Duration kMaxForgetAfter = absl::Hours(24 * 7);
inline constexpr absl::Duration kMinDeviceTtl = absl::Minutes(1);
inline constexpr absl::Duration kMaxDeviceTtl = absl::Hours(24 * 3660);
inline constexpr absl::Duration kMinAuditRetention = absl::Minutes(1);
inline constexpr absl::Duration kMaxAuditRetention = absl::Hours(24 * 3660);
inline constexpr int kLeastAuditEvents = 1'000;
inline constexpr int kMostAuditEvents = 2'000'000'000;
inline constexpr absl::Duration kMinResetTokenTtl = absl::Minutes(1);
inline constexpr absl::Duration kMaxResetTokenTtl = absl::Hours(24 * 7);
inline constexpr int kLeastMinLength = 8;
inline constexpr int kMostMinLength = 128;

// Reads `path` (empty: no file) and what `environment` overrides, and checks the whole.
// INVALID_ARGUMENT: one line for each thing wrong, with the key, the value, what was expected and
// where it was set. NOT_FOUND: the file cannot be read.
absl::StatusOr<Config> LoadConfig(const std::string& path, const Environment& environment);

// The process's own environment, for LoadConfig.
Environment ProcessEnvironment();

// The configuration as TOML text that LoadConfig would read. The password in storage.url is hidden.
std::string PrintConfig(const Config& config);

// For storage.url `sqlite:PATH`: the path. Empty for any other.
std::string SqlitePath(const StorageConfig& storage);

// True if the host of `listen` (`host:port`) is this machine's loopback, by number or `localhost`.
bool IsLoopback(std::string_view listen);
// Likewise for a host alone, an IPv6 one without brackets.
bool IsLoopbackHost(std::string_view host);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CONFIG_CONFIG_H_
