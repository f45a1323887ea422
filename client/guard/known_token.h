// A token that was verified once: what is kept of it, so that it can be judged again without
// base64, signature and JSON.
#ifndef TESSERA_GUARD_KNOWN_TOKEN_H_
#define TESSERA_GUARD_KNOWN_TOKEN_H_

#include <memory>

#include "tessera/guard/principal.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/token_verifier.h"

namespace tessera::guard {

// Immutable; shared by the cache, by running streams and by handlers.
struct KnownToken {
  KnownToken(VerifiedToken verified, std::shared_ptr<const JwkSet> verified_with);

  const VerifiedToken token;
  const std::shared_ptr<const Principal> principal;
  // The set that held the key. While it is the current set the key is trusted; under any other set
  // the signature is checked again.
  const std::shared_ptr<const JwkSet> keys;
};

// Kind kAnonymous, no claims. Never null; always the same.
const std::shared_ptr<const Principal>& AnonymousPrincipal();

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_KNOWN_TOKEN_H_
