// The access token of a call that is being served, kept so that its service can call others on
// behalf of its caller.
#ifndef TESSERA_TOKEN_KEPT_TOKEN_H_
#define TESSERA_TOKEN_KEPT_TOKEN_H_

#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera {

// Immutable once made; share it as `std::shared_ptr<const KeptToken>`. Whoever holds it can call as
// the token's subject until it expires: it is for no log, store or cache of one's own.
struct KeptToken {
  Secret access_token;    // verified when the call was let in
  absl::Time expires_at;  // its `exp`
};

}  // namespace tessera

#endif  // TESSERA_TOKEN_KEPT_TOKEN_H_
