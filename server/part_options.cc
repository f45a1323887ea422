#include "server/part_options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/config/reset_time.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr char kGeneratedPasswordName[] = "admin-password";
constexpr absl::Duration kStoreTimeout = absl::Seconds(30);

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

SecondFactorPolicy PolicyOf(const SecondFactorConfig& factor) {
  SecondFactorPolicy policy;
  policy.issuer = factor.issuer;
  policy.enrolment.algorithm =
      TotpAlgorithmFromName(factor.algorithm).value_or(policy.enrolment.algorithm);
  policy.enrolment.digits = factor.digits;
  policy.enrolment.period = factor.period;
  policy.drift = factor.drift;
  policy.challenge_ttl = factor.challenge_ttl;
  return policy;
}

ThrottlePolicy PolicyOf(const ThrottleConfig& throttle) {
  ThrottlePolicy policy;
  policy.attempts = throttle.attempts;
  policy.account_attempts = throttle.account_attempts;
  policy.source_attempts = throttle.source_attempts;
  policy.registrations = throttle.registrations;
  policy.first_delay = throttle.first_delay;
  policy.max_delay = throttle.max_delay;
  policy.forget_after = throttle.forget_after;
  policy.device_ttl = throttle.device_ttl;
  return policy;
}

CallSource SourceOf(const std::vector<std::string>& networks) {
  std::vector<IpNetwork> trusted;
  for (const std::string& text : networks) {
    const std::optional<IpNetwork> network = IpNetwork::Parse(text);
    if (network.has_value()) trusted.push_back(*network);
  }
  return CallSource(std::move(trusted));
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

absl::StatusOr<PasswordPolicy> PasswordPolicyOf(const PasswordsConfig& passwords,
                                                std::vector<std::string>& warnings) {
  const auto min_characters = static_cast<size_t>(passwords.min_length);
  if (passwords.blocklist_file.empty()) return PasswordPolicy(min_characters);
  absl::StatusOr<PasswordBlocklist> list = PasswordBlocklist::WithFile(passwords.blocklist_file);
  if (!list.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("passwords.blocklist_file: ", list.status().message()));
  }
  if (const auto& idle = list->idle_lines(); idle.count > 0) {
    warnings.push_back(absl::StrCat(
        "passwords.blocklist_file: ", passwords.blocklist_file, ", line ", idle.first,
        ": nobody can choose that (a password is UTF-8 without control characters, of at most ",
        kMaxPasswordBytes, " bytes), so it refuses none; such lines in all: ", idle.count));
  }
  return PasswordPolicy(min_characters, *std::move(list));
}

absl::StatusOr<size_t> ArenaBytesFor(const PasswordHasher& hasher, storage::Store& store,
                                     const Clock& clock) {
  std::vector<std::string> costs;
  TESSERA_RETURN_IF_ERROR(store.Read(
      clock.Now() + kStoreTimeout, [&](storage::Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(costs, repositories.passwords.HashCosts());
        return absl::OkStatus();
      }));
  return ArenaBytes(hasher.cost(), costs);
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
  options.initial_roles = config.users.initial_roles;
  return options;
}

UserPolicy UserPolicyOf(const Config& config) {
  UserPolicy policy;
  policy.initial_roles = config.users.initial_roles;
  policy.registration = config.registration.enabled;
  return policy;
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
