// The caller's token as call credentials, for channels without its interceptor.
#ifndef TESSERA_CALLER_TOKEN_PLUGIN_H_
#define TESSERA_CALLER_TOKEN_PLUGIN_H_

#include <memory>

#include "absl/time/time.h"
#include "tessera/base/secret.h"
#include "tessera/caller/token_supply.h"

namespace grpc {
class CallCredentials;
}

namespace tessera {

struct TokenPluginOptions {
  std::shared_ptr<TokenSupply> supply;
  Secret device_id;           // empty: calls name none
  absl::Duration wait_limit;  // real time
};

// See Caller::CallCredentials. One object serves all calls: each that is made has threads of its
// own. gRPC 1.51 hands a burst of calls to the threads that are idle when it begins, so calls may
// wait for a thread behind others that wait for the token, beyond `wait_limit`.
std::shared_ptr<grpc::CallCredentials> PluginCredentials(TokenPluginOptions options);

}  // namespace tessera

#endif  // TESSERA_CALLER_TOKEN_PLUGIN_H_
