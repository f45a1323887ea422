// Sessions at rest: one row each, however often it is renewed.
#ifndef TESSERA_STORAGE_SESSION_REPOSITORY_H_
#define TESSERA_STORAGE_SESSION_REPOSITORY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// What a renewal changes.
struct SessionRotation {
  SessionId id;
  int64_t from_generation = 0;  // becomes from_generation + 1
  std::string mac_kid;
  absl::Time rotated_at;
  absl::Time access_until;
  absl::Time idle_expires_at;
  std::string address;
};

// What a further access token of the same generation changes.
struct AccessExtension {
  SessionId id;
  int64_t generation = 0;
  absl::Time access_until;                                   // moves forward, never back
  std::optional<absl::Time> idle_expires_at = std::nullopt;  // absent: as it was
  std::optional<absl::Time> used_at = std::nullopt;          // likewise
};

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class SessionRepository {
 public:
  virtual ~SessionRepository() = default;

  virtual absl::Status Insert(const Session& session) = 0;
  virtual absl::StatusOr<std::optional<Session>> Find(const SessionId& id) = 0;
  // In one statement; in two where the session includes groups. Absent likewise if its user is
  // gone.
  virtual absl::StatusOr<std::optional<SessionStanding>> FindStanding(const SessionId& id) = 0;
  // One step to the next generation, if the row is still at `from_generation` and not revoked;
  // false otherwise.
  virtual absl::StatusOr<bool> Rotate(const SessionRotation& rotation) = 0;
  // False if the session is not at `generation` any more, is revoked or gone.
  virtual absl::StatusOr<bool> ExtendAccess(const AccessExtension& extension) = 0;
  // A user's sessions that have not ended at `now`, the newest (the highest id) first, beginning
  // below `before` (empty: at the newest), at most `limit`.
  virtual absl::StatusOr<std::vector<Session>> ListLive(const UserId& user, absl::Time now,
                                                        const SessionId& before, int limit) = 0;
  // False if it was revoked already or is gone.
  virtual absl::StatusOr<bool> Revoke(const SessionId& id, absl::Time now) = 0;
  // Revokes all live sessions of a user; how many.
  virtual absl::StatusOr<int64_t> RevokeAllOf(const UserId& user, absl::Time now) = 0;
  // Revokes at most `limit` live sessions, whosever they are, for a restored store; how many. Fewer
  // than `limit`: none is left.
  virtual absl::StatusOr<int64_t> RevokeEverybodys(absl::Time now, int limit) = 0;
  // Whether a session that began at or before `began` has not ended at `now`.
  virtual absl::StatusOr<bool> AnyLiveBegunBefore(absl::Time began, absl::Time now) = 0;
  // Removes at most `limit` sessions that ended (expired, idle or revoked) before `before`; how
  // many.
  virtual absl::StatusOr<int64_t> DeleteEnded(absl::Time before, int limit) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_SESSION_REPOSITORY_H_
