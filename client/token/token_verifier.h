// Checks access tokens (RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4).
#ifndef TESSERA_TOKEN_TOKEN_VERIFIER_H_
#define TESSERA_TOKEN_TOKEN_VERIFIER_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/token/claims.h"
#include "tessera/token/digest.h"
#include "tessera/token/jwk_set.h"

namespace tessera {

// Claims that a trusted key signed. Only TokenVerifier makes one. Immutable.
class VerifiedToken {
 public:
  const Claims& claims() const { return claims_; }
  const std::string& kid() const { return kid_; }
  // How the revocation feed names this token's parts; computed once.
  const IdHash& token_hash() const { return token_hash_; }
  const IdHash& session_hash() const { return session_hash_; }  // all zero without a session
  const IdHash& subject_hash() const { return subject_hash_; }
  const IdHash& key_hash() const { return key_hash_; }
  // One for each of the claims' parent_tokens and actors, in their order.
  const std::vector<IdHash>& parent_hashes() const { return parent_hashes_; }
  const std::vector<IdHash>& actor_hashes() const { return actor_hashes_; }

 private:
  friend class TokenVerifier;
  VerifiedToken(Claims claims, std::string kid);

  Claims claims_;
  std::string kid_;
  IdHash token_hash_, session_hash_{}, subject_hash_, key_hash_;
  std::vector<IdHash> parent_hashes_, actor_hashes_;
};

// What a token is held against.
struct Expected {
  std::string issuer;                   // `iss` must be this
  std::optional<std::string> audience;  // `aud` must be this; absent: any audience (introspection)
  absl::Duration leeway = absl::Seconds(5);  // between clocks; at most kMaxLeeway
};
inline constexpr absl::Duration kMaxLeeway = absl::Seconds(60);

// Thread-safe; holds no clock and no network.
class TokenVerifier {
 public:
  // FAILED_PRECONDITION: no issuer, an audience that is empty, or a leeway outside [0, kMaxLeeway].
  static absl::StatusOr<TokenVerifier> Create(Expected expected);

  // The token if a key in `keys` signed it and it is alive at `now`. Every refusal is
  // UNAUTHENTICATED with one of the TOKEN_ reasons, found in this order: size, three parts,
  // base64url, header, key (TOKEN_UNKNOWN_KEY), algorithm, signature, payload, type, issuer,
  // audience, time. TOKEN_AUDIENCE's message names the audience wanted.
  absl::StatusOr<VerifiedToken> Verify(std::string_view text, const JwkSet& keys,
                                       absl::Time now) const;

  // Only what changes with time: expired if and only if `now >= exp + leeway`. For tokens verified
  // before.
  absl::Status CheckTimes(const Claims& claims, absl::Time now) const;

  const Expected& expected() const { return expected_; }

 private:
  explicit TokenVerifier(Expected expected) : expected_(std::move(expected)) {}
  Expected expected_;
};

// What a token says of itself, unchecked: for showing to people, never for deciding.
struct UnverifiedToken {
  std::string header_json;
  std::string payload_json;
};
absl::StatusOr<UnverifiedToken> InspectWithoutVerifying(std::string_view text);

}  // namespace tessera

#endif  // TESSERA_TOKEN_TOKEN_VERIFIER_H_
