#include "server/auth/known_tokens.h"

#include <utility>

#include "tessera/base/status_macros.h"

namespace tessera::server {

absl::StatusOr<KnownTokens::KnownToken> KnownTokens::Verify(
    const TokenVerifier& verifier, std::string_view token,
    const std::shared_ptr<const JwkSet>& keys, absl::Time now) {
  if (KnownToken known = cache_.Find(token); known != nullptr && known->keys == keys) {
    TESSERA_RETURN_IF_ERROR(verifier.CheckTimes(known->token.claims(), now));
    return known;
  }
  TESSERA_ASSIGN_OR_RETURN(VerifiedToken verified, verifier.Verify(token, *keys, now));
  auto known = std::make_shared<const guard::KnownToken>(std::move(verified), keys);
  cache_.Keep(token, known);
  return KnownToken(std::move(known));
}

}  // namespace tessera::server
