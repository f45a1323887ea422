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

// What a token says of its user, as the store has it now.
struct UserFacts {
  std::vector<storage::Role> roles;      // held in effect
  std::string attributes;                // as stored
  std::vector<std::string> groups = {};  // names; empty unless the session includes them
};

// Thread-safe, immutable.
class TokenIssuer {
 public:
  explicit TokenIssuer(TokenPolicy policy) : policy_(std::move(policy)) {}

  const TokenPolicy& policy() const { return policy_; }
  // self_audience, or one of `audiences`.
  bool IsAllowed(std::string_view audience) const;

  // A session on the terms of `login` that begins at `now`; access_until still has to be set.
  storage::Session NewSession(const VerifiedLogin& login, absl::Time now) const;
  // When a session that is renewed at `now` would be idle: never beyond its absolute end.
  absl::Time IdleEnd(const storage::Session& session, absl::Time now) const;

  struct AccessToken {
    Secret text;
    absl::Time expires_at;
    std::vector<std::string> scopes;
  };
  // An access token of `session` at `generation`, with those of the user's roles that apply to its
  // audience, and of the session's scopes and claims and of the user's attributes those that are
  // allow-listed still. It begins in the second of `now`, so it is valid at once, and ends with the
  // session at the latest. `client_id` (RFC 9068 asks for one) is self_audience: who logs in with a
  // password uses tesserad itself as the client. FAILED_PRECONDITION TOKEN_TOO_LARGE; UNAVAILABLE
  // KEYS_UNAVAILABLE: no key signs.
  absl::StatusOr<AccessToken> Sign(const storage::Session& session, int64_t generation,
                                   const UserFacts& user, const KeySnapshot& keys,
                                   absl::Time now) const;

 private:
  absl::Time SessionEnd(absl::Time now) const;
  Claims SessionClaims(const storage::Session& session, absl::Time now) const;
  absl::Status AddExtras(const storage::Session& session, const UserFacts& user,
                         Claims& claims) const;

  TokenPolicy policy_;
};

// FAILED_PRECONDITION TOKEN_TOO_LARGE: longer than `most`, all that its holder can carry.
absl::Status CheckLength(const TokenIssuer::AccessToken& token, size_t most);

// The names of those of the roles `held` that apply to `audience`.
std::vector<std::string> RolesFor(std::string_view audience, std::string_view self_audience,
                                  const std::vector<storage::Role>& held);

// `now` in whole microseconds, as rows hold it: a boundary is then the same before and after a trip
// through the store.
absl::Time RowTime(absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_TOKEN_ISSUER_H_
