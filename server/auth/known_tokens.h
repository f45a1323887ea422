// Access tokens that were verified before: asking about one again costs no base64, signature and
// JSON.
#ifndef TESSERA_SERVER_AUTH_KNOWN_TOKENS_H_
#define TESSERA_SERVER_AUTH_KNOWN_TOKENS_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/guard/known_token.h"
#include "tessera/guard/token_cache.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {

// Thread-safe; memory only.
class KnownTokens {
 public:
  using KnownToken = std::shared_ptr<const guard::KnownToken>;

  // What the tokens kept may take; about 8,000.
  static constexpr size_t kBytes = 16 << 20;

  explicit KnownTokens(size_t bytes = kBytes) : cache_(bytes) {}

  // What verifier.Verify says; never null. A token that passed with these very `keys` has only its
  // times checked again. All verifiers handed in have one issuer and take any audience.
  absl::StatusOr<KnownToken> Verify(const TokenVerifier& verifier, std::string_view token,
                                    const std::shared_ptr<const JwkSet>& keys, absl::Time now);

  // For a token that is refused for what it does not say itself (revoked, say).
  void Forget(std::string_view token) { cache_.Forget(token); }

  size_t size() const { return cache_.totals().tokens; }

 private:
  guard::TokenCache cache_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KNOWN_TOKENS_H_
