// base64url without padding, strict (RFC 7515 section 2, RFC 4648 section 5).
#ifndef TESSERA_TOKEN_BASE64URL_H_
#define TESSERA_TOKEN_BASE64URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace tessera {

std::string Base64UrlEncode(std::string_view bytes);

// Absent for anything that Base64UrlEncode cannot have made: padding, white space, another
// alphabet, an impossible length, bits set behind the last byte.
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace tessera

#endif  // TESSERA_TOKEN_BASE64URL_H_
