// What a login may ask for its session.
#ifndef TESSERA_SERVER_AUTH_SESSION_TERMS_H_
#define TESSERA_SERVER_AUTH_SESSION_TERMS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "server/auth/auth_facade.h"

namespace tessera::server {

inline constexpr size_t kMaxScopes = 64;
inline constexpr size_t kMaxRequestedClaims = 16;

// INVALID_ARGUMENT FIELD_INVALID: a scope or a claim that `policy` does not list, a scope twice,
// more than kMaxScopes or kMaxRequestedClaims, a value that no token could carry.
absl::Status CheckTerms(const SessionTerms& terms, const TokenPolicy& policy);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SESSION_TERMS_H_
