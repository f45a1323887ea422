// What an access token says (RFC 7519 section 4.1, RFC 9068 section 2.2, and tessera's own claims).
#ifndef TESSERA_TOKEN_CLAIMS_H_
#define TESSERA_TOKEN_CLAIMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/ids.h"

namespace tessera {

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
  std::vector<std::string> scopes;      // scope: one string, parted by spaces
};

// The payload as JSON text. FAILED_PRECONDITION: not representable (not UTF-8, a scope with a
// space).
absl::StatusOr<std::string> ClaimsToJson(const Claims& claims);

// Strict: doubled members, wrong types, depth, bad UTF-8, a missing required claim (iss sub aud exp
// iat nbf jti client_id) are UNAUTHENTICATED TOKEN_MALFORMED. `aud` may be a string or an array of
// exactly one. Unknown claims are ignored.
absl::StatusOr<Claims> ClaimsFromJson(std::string_view json);

}  // namespace tessera

#endif  // TESSERA_TOKEN_CLAIMS_H_
