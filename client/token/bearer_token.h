// Which texts may travel as a bearer token (RFC 6750, section 2.1: b64token).
#ifndef TESSERA_TOKEN_BEARER_TOKEN_H_
#define TESSERA_TOKEN_BEARER_TOKEN_H_

#include <cstddef>
#include <string_view>

namespace tessera {

// tesserad's tokens are at most 4,096 bytes; more would not fit into a call's metadata either.
inline constexpr size_t kMaxBearerToken = 8 << 10;

// Whether `text` is 1 to kMaxBearerToken of the characters of a b64token. Anything else is for no
// terminal, and in a call's metadata it would make gRPC abort the process.
inline bool IsBearerToken(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
  return !text.empty() && text.size() <= kMaxBearerToken &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace tessera

#endif  // TESSERA_TOKEN_BEARER_TOKEN_H_
