// Fills in and signs access tokens by the policy.
#ifndef TESSERA_SERVER_AUTH_TOKEN_ISSUER_H_
#define TESSERA_SERVER_AUTH_TOKEN_ISSUER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "storage/records.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// Names beginning so are tesserad's own roles: they show in tokens for self_audience only, whatever
// their rows say.
inline constexpr std::string_view kReservedRolePrefix = "tessera.";

// Thread-safe, immutable.
class TokenIssuer {
 public:
  explicit TokenIssuer(TokenPolicy policy) : policy_(std::move(policy)) {}

  const TokenPolicy& policy() const { return policy_; }
  // self_audience, or one of `audiences`.
  bool IsAllowed(std::string_view audience) const;

  // A session of `user` that begins at `now`; access_until still has to be set.
  storage::Session NewSession(const storage::User& user, std::string audience,
                              absl::Time now) const;
  // When a session that is renewed at `now` would be idle: never beyond its absolute end.
  absl::Time IdleEnd(const storage::Session& session, absl::Time now) const;

  struct AccessToken {
    Secret text;
    absl::Time expires_at;
  };
  // An access token of `session` at `generation`, with those of the roles `held` that apply to its
  // audience. It begins in the second of `now`, so it is valid at once, and ends with the session
  // at the latest. `client_id` (RFC 9068 asks for one) is self_audience: who logs in with a
  // password uses tesserad itself as the client. FAILED_PRECONDITION TOKEN_TOO_LARGE; UNAVAILABLE
  // KEYS_UNAVAILABLE: no key signs.
  absl::StatusOr<AccessToken> Sign(const storage::Session& session, int64_t generation,
                                   const std::vector<storage::Role>& held, const KeySnapshot& keys,
                                   absl::Time now) const;

 private:
  TokenPolicy policy_;
};

// The names of those of the roles `held` that apply to `audience`.
std::vector<std::string> RolesFor(std::string_view audience, std::string_view self_audience,
                                  const std::vector<storage::Role>& held);

// `now` in whole microseconds, as rows hold it: a boundary is then the same before and after a trip
// through the store.
absl::Time RowTime(absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_TOKEN_ISSUER_H_
