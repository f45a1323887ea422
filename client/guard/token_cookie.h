// A token in a cookie, for browsers.
#ifndef TESSERA_GUARD_TOKEN_COOKIE_H_
#define TESSERA_GUARD_TOKEN_COOKIE_H_

#include <string>
#include <vector>

namespace tessera {

// A browser adds cookies to any page's calls, so a cookie counts only where a page cannot forge the
// rest: with the header `x-grpc-web`, which makes the browser ask first (CORS), and with an
// `origin` that is one of these, byte for byte.
struct TokenCookie {
  std::string name;  // `__Host-tessera-access`, say; empty: cookies are not looked at
  std::vector<std::string> allowed_origins;  // `https://shop.example`
};

}  // namespace tessera

#endif  // TESSERA_GUARD_TOKEN_COOKIE_H_
