// What each part of the server is told of the configuration.
#ifndef TESSERA_SERVER_PART_OPTIONS_H_
#define TESSERA_SERVER_PART_OPTIONS_H_

#include <string>
#include <vector>

#include "server/auth/auth_facade.h"
#include "server/auth/key_states.h"
#include "server/auth/login_throttle.h"
#include "server/auth/password_hasher.h"
#include "server/auth/password_policy.h"
#include "server/auth/second_factor.h"
#include "server/config/config.h"
#include "server/rpc/call_source.h"
#include "server/rpc/cookies.h"
#include "server/user/bootstrap.h"
#include "server/user/user_facade.h"
#include "tessera/guard/guard.h"

namespace tessera::server {

TokenPolicy PolicyOf(const TokensConfig& tokens);
// `config.keys.algorithm` is known.
KeyPolicy KeyPolicyOf(const Config& config);
ThrottlePolicy PolicyOf(const ThrottleConfig& throttle);
// `factor.algorithm` is known.
SecondFactorPolicy PolicyOf(const SecondFactorConfig& factor);
// `networks` can be read.
CallSource SourceOf(const std::vector<std::string>& networks);
CookieOptions CookiesOf(const Config& config);
ReflectionAccess AccessOf(Reflection reflection);
BootstrapOptions BootstrapOf(const Config& config);
UserPolicy UserPolicyOf(const Config& config);
// Reads the blocklist; what the operator should know of it comes behind `warnings`.
// INVALID_ARGUMENT: it cannot be read.
absl::StatusOr<PasswordPolicy> PasswordPolicyOf(const PasswordsConfig& passwords,
                                                std::vector<std::string>& warnings);
// What each hashing thread sets aside, in bytes, for hashes of today's cost and of those that are
// stored. Blocks on the store.
absl::StatusOr<size_t> ArenaBytesFor(const PasswordHasher& hasher, storage::Store& store,
                                     const Clock& clock);
// With the server's own.
std::vector<std::string> AllAudiences(const TokensConfig& tokens);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_PART_OPTIONS_H_
