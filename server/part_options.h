// What each part of the server is told of the configuration.
#ifndef TESSERA_SERVER_PART_OPTIONS_H_
#define TESSERA_SERVER_PART_OPTIONS_H_

#include <string>
#include <vector>

#include "server/auth/auth_facade.h"
#include "server/auth/key_states.h"
#include "server/config/config.h"
#include "server/rpc/cookies.h"
#include "server/user/bootstrap.h"
#include "tessera/guard/guard.h"

namespace tessera::server {

TokenPolicy PolicyOf(const TokensConfig& tokens);
// `config.keys.algorithm` is known.
KeyPolicy KeyPolicyOf(const Config& config);
CookieOptions CookiesOf(const Config& config);
ReflectionAccess AccessOf(Reflection reflection);
BootstrapOptions BootstrapOf(const Config& config);
// With the server's own.
std::vector<std::string> AllAudiences(const TokensConfig& tokens);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_PART_OPTIONS_H_
