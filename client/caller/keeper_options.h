// What a caller's options mean to its parts.
#ifndef TESSERA_CALLER_KEEPER_OPTIONS_H_
#define TESSERA_CALLER_KEEPER_OPTIONS_H_

#include "tessera/caller/auth_requests.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/token_keeper.h"

namespace tessera {

inline AuthRequestsOptions RequestsOptionsOf(const CallerOptions& options) {
  AuthRequestsOptions requests;
  requests.auth_server = options.auth_server;
  requests.allow_plaintext = options.allow_plaintext;
  requests.request_timeout = options.request_timeout;
  return requests;
}

inline TokenKeeperOptions KeeperOptionsOf(const CallerOptions& options) {
  TokenKeeperOptions keeper;
  keeper.renew_at = options.renew_at;
  keeper.request_timeout = options.request_timeout;
  keeper.clock = options.clock;
  keeper.log = options.log;
  return keeper;
}

}  // namespace tessera

#endif  // TESSERA_CALLER_KEEPER_OPTIONS_H_
