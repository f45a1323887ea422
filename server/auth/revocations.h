// The entries of the revocation feed, and how long each kind must live.
#ifndef TESSERA_SERVER_AUTH_REVOCATIONS_H_
#define TESSERA_SERVER_AUTH_REVOCATIONS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "storage/records.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// An entry outlives the last token that it can hit by this much: clocks differ.
inline constexpr absl::Duration kRevocationSlack = absl::Seconds(120);
// No access token lives longer, so entries that do not know their tokens live this long, and slack.
inline constexpr absl::Duration kMaxAccessTtl = absl::Hours(24);

// And so much more: they are dated by the writer's clock, which may be behind.
inline constexpr absl::Duration kWriterBehind = absl::Minutes(10);

// One token. `exp` is its own; the entry covers every leeway that a guard may be set to, and slack.
storage::Revocation RevokeTokenEntry(const TokenId& token, absl::Time exp);

// All tokens of a session; `access_until` is the latest `exp` among them (Session::access_until).
// Read it in the transaction that revokes, after the row was revoked: a renewal may move it until
// then.
storage::Revocation RevokeSessionEntry(const SessionId& session, absl::Time access_until);

// All tokens of a user that carry a version below `min_version`: pass the version that the same
// transaction raised the user to.
storage::Revocation RevokeUserEntry(const UserId& user, int64_t min_version, absl::Time now);

// All tokens of a user, whatever their version: for one who is deleted.
storage::Revocation RevokeWholeUserEntry(const UserId& user, absl::Time now);

// Likewise of a service account, as a subject and as an actor.
storage::Revocation RevokeServiceEntry(const ServiceId& service, int64_t min_version,
                                       absl::Time now);
storage::Revocation RevokeWholeServiceEntry(const ServiceId& service, absl::Time now);

// All tokens that a key signed.
storage::Revocation RevokeKeyEntry(const std::string& kid, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_REVOCATIONS_H_
