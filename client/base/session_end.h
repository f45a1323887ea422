// Which refusals of a refresh token are final.
#ifndef TESSERA_BASE_SESSION_END_H_
#define TESSERA_BASE_SESSION_END_H_

#include <string_view>

#include "tessera/base/reason.h"

namespace tessera {

// Whether an UNAUTHENTICATED answer with `why` to a renewal or a logout says that the session is
// over: tesserad names its reason. Without one the answer may be that of a proxy, which knows
// nothing of sessions.
inline bool IsSessionEnd(std::string_view why) {
  constexpr std::string_view kToken = "TOKEN_";
  return why == reason::kSessionEnded || why == reason::kRefreshReused ||
         why.substr(0, kToken.size()) == kToken;
}

}  // namespace tessera

#endif  // TESSERA_BASE_SESSION_END_H_
