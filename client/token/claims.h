// What an access token says (RFC 7519 section 4.1, RFC 9068 section 2.2, and tessera's own claims).
#ifndef TESSERA_TOKEN_CLAIMS_H_
#define TESSERA_TOKEN_CLAIMS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/ids.h"

namespace tessera {

// The longest chain of actors (RFC 8693), and so of tokens that a token descends from.
inline constexpr size_t kMaxActors = 4;

// Who acts on the subject's behalf (RFC 8693 section 4.1).
struct Actor {
  std::string subject;       // act.sub
  int64_t user_version = 0;  // act.uv: of the actor, as `uv` of the subject

  friend bool operator==(const Actor& a, const Actor& b) {
    return a.subject == b.subject && a.user_version == b.user_version;
  }
};

// A plain value. Times are whole seconds on the wire (NumericDate).
struct Claims {
  std::string issuer;                   // iss
  std::string subject;                  // sub
  std::string audience;                 // aud: exactly one
  std::string client_id;                // client_id
  TokenId token_id;                     // jti
  absl::Time issued_at;                 // iat
  absl::Time not_before;                // nbf
  absl::Time expires_at;                // exp
  std::optional<absl::Time> auth_time;  // auth_time
  SessionId session_id;                 // sid; empty for none
  int64_t user_version = 0;             // uv
  int64_t refresh_generation = 0;       // rgn
  std::vector<std::string> roles;       // roles
  std::vector<std::string> groups;      // groups: only where the login asked for them
  std::vector<std::string> scopes;      // scope: one string, parted by spaces
  std::vector<std::string> amr;         // amr: how the subject proved who it is (RFC 8176)
  std::string acr;                      // acr: how strong that was; empty for none
  std::string device_hash;              // did: DeviceHash of the bound device; empty for none
  std::string certificate;  // cnf.x5t#S256 (RFC 8705): base64url of SHA-256; empty for none
  // act: the latest first, at most kMaxActors.
  std::vector<Actor> actors;
  // pjti: the tokens that this one was exchanged from, and their keys where another one signed it.
  std::vector<TokenId> parent_tokens;
  std::map<std::string, std::string> extra;  // ext
};

// The payload as JSON text. FAILED_PRECONDITION: not representable (not UTF-8, a scope with a
// space).
absl::StatusOr<std::string> ClaimsToJson(const Claims& claims);

// Strict: doubled members, wrong types, depth, bad UTF-8, a missing required claim (iss sub aud exp
// iat nbf jti client_id), an unknown confirmation (`cnf` with anything but x5t#S256) and more than
// kMaxActors actors or parents are UNAUTHENTICATED TOKEN_MALFORMED. `aud` may be a string or an
// array of exactly one. Unknown claims are ignored.
absl::StatusOr<Claims> ClaimsFromJson(std::string_view json);

// Whether `text` may be a device id: 16 to 128 printable ASCII characters without spaces.
bool IsDeviceId(std::string_view text);

// `did` of a device id, which itself is never in a token: base64url of the first 16 bytes of
// SHA-256("tessera/device/v1" || 0 || device id).
std::string DeviceHash(std::string_view device_id);

}  // namespace tessera

#endif  // TESSERA_TOKEN_CLAIMS_H_
