// The refresh token: opaque to clients, derivable for us, so that nothing of it is stored.
//
// `tsr_` and the base64url of: version (1 byte), key id hash (16), session id without its prefix
// (26), generation (8, big-endian), HMAC-SHA-256 (32) over
// "tessera/refresh/v1" || store epoch (16) || key id hash || session id || generation.
#ifndef TESSERA_SERVER_AUTH_REFRESH_TOKEN_H_
#define TESSERA_SERVER_AUTH_REFRESH_TOKEN_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/auth/key_ring.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr std::string_view kRefreshTokenPrefix = "tsr_";

// What a refresh token says: one generation of one session.
struct RefreshClaim {
  SessionId session_id;
  int64_t generation = 0;
};

bool LooksLikeRefreshToken(std::string_view token);

// Always the same token for the same claim, key and store. UNAVAILABLE KEYS_UNAVAILABLE: `mac_kid`
// is not in `keys`. UNAUTHENTICATED SESSION_ENDED: it has been revoked. INTERNAL: an id or a
// generation that no session has.
absl::StatusOr<Secret> MintRefreshToken(const RefreshClaim& claim, std::string_view mac_kid,
                                        const KeySnapshot& keys);

// Memory only, and the MAC is checked in constant time before anything is believed.
// UNAUTHENTICATED TOKEN_MALFORMED: not of this form; TOKEN_SIGNATURE: forged, or of an unknown key
// or another store epoch; SESSION_ENDED: its key has been revoked (the MAC does not matter then:
// nobody is told anything that the key's id does not say).
absl::StatusOr<RefreshClaim> ParseRefreshToken(const Secret& token, const KeySnapshot& keys);

// Whether a token of this form names a key that is neither in `keys` nor revoked: newer keys may
// know it. Memory only.
bool NamesUnknownKey(const Secret& token, const KeySnapshot& keys);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_REFRESH_TOKEN_H_
