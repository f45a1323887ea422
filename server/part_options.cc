#include "server/part_options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "server/config/reset_time.h"

namespace tessera::server {
namespace {

constexpr char kGeneratedPasswordName[] = "admin-password";

// Beside the SQLite file; a database that others share has no such place.
std::string GeneratedPasswordFile(const StorageConfig& storage) {
  const std::string path = SqlitePath(storage);
  if (path.empty()) return "";
  const size_t slash = path.rfind('/');
  return (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + kGeneratedPasswordName;
}

}  // namespace

TokenPolicy PolicyOf(const TokensConfig& tokens) {
  TokenPolicy policy;
  policy.issuer = tokens.issuer;
  policy.self_audience = tokens.self_audience;
  policy.audiences = tokens.audiences;
  policy.access_ttl = tokens.access_ttl;
  policy.refresh_ttl = tokens.refresh_ttl;
  policy.refresh_idle_ttl = tokens.refresh_idle_ttl;
  policy.reuse_grace = tokens.reuse_grace;
  policy.leeway = tokens.leeway;
  if (const auto reset = ParseResetTime(tokens.refresh_reset_at); reset.has_value()) {
    policy.refresh_reset.emplace(reset->hour, reset->minute, reset->zone);
  }
  policy.scopes = tokens.scopes;
  policy.requested_claims = tokens.requested_claims;
  policy.attribute_claims = tokens.attribute_claims;
  policy.renewal_needs_access_token = tokens.renewal_needs_access_token;
  policy.renewal_only_after_expiry = tokens.renewal_only_after_expiry;
  policy.renewal_by_access_token = tokens.renewal_by_access_token;
  policy.one_session_per_user = tokens.one_session_per_user;
  return policy;
}

CookieOptions CookiesOf(const Config& config) {
  CookieOptions options;
  options.enabled = config.cookies.enabled;
  options.access_name = config.cookies.access_name;
  options.refresh_name = config.cookies.refresh_name;
  options.same_site = config.cookies.same_site;
  options.allowed_origins = config.cookies.allowed_origins;
  options.renewal_needs_access_token = config.tokens.renewal_needs_access_token;
  return options;
}

ReflectionAccess AccessOf(Reflection reflection) {
  switch (reflection) {
    case Reflection::kPublic:
      return ReflectionAccess::kPublic;
    case Reflection::kAuthenticated:
      return ReflectionAccess::kAuthenticated;
    case Reflection::kOff:
      return ReflectionAccess::kOff;
  }
  return ReflectionAccess::kOff;
}

std::vector<std::string> AllAudiences(const TokensConfig& tokens) {
  std::vector<std::string> audiences = tokens.audiences;
  audiences.push_back(tokens.self_audience);
  return audiences;
}

BootstrapOptions BootstrapOf(const Config& config) {
  BootstrapOptions options;
  options.self_audience = config.tokens.self_audience;
  options.admin_username = config.bootstrap.admin_username;
  options.admin_password_file = config.bootstrap.admin_password_file;
  options.terminal = isatty(STDERR_FILENO) == 1 ? stderr : nullptr;
  options.generated_password_file = GeneratedPasswordFile(config.storage);
  options.min_password_characters = static_cast<size_t>(config.passwords.min_length);
  return options;
}

KeyPolicy KeyPolicyOf(const Config& config) {
  KeyPolicy policy;
  policy.algorithm = AlgorithmFromName(config.keys.algorithm).value_or(policy.algorithm);
  policy.rotate_every = config.keys.rotate_every;
  policy.publish_ahead = config.keys.publish_ahead;
  policy.acknowledge_timeout = config.keys.acknowledge_timeout;
  policy.access_ttl = config.tokens.access_ttl;
  policy.refresh_ttl = config.tokens.refresh_ttl;
  if (config.tokens.renewal_needs_access_token) {
    policy.proof_ttl = std::min(config.tokens.refresh_idle_ttl, config.tokens.refresh_ttl);
  }
  policy.max_clock_difference = config.storage.max_clock_difference;
  return policy;
}

}  // namespace tessera::server
