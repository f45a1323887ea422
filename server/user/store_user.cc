#include "server/user/store_user.h"

#include "server/auth/revocations.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

absl::Status EtagMismatch() {
  return Refusal(absl::StatusCode::kAborted, reason::kEtagMismatch,
                 "the user was changed since it was read");
}

absl::Status StoreNext(storage::Repositories& repositories, storage::User& user, absl::Time now) {
  const int64_t expected = user.revision++;
  user.updated_at = now;
  TESSERA_ASSIGN_OR_RETURN(const bool stored, repositories.users.Update(user, expected));
  return stored ? absl::OkStatus() : EtagMismatch();
}

absl::Status StoreAndEndSessions(storage::Repositories& repositories, storage::User& user,
                                 absl::Time now) {
  ++user.version;
  TESSERA_RETURN_IF_ERROR(StoreNext(repositories, user, now));
  return repositories.sessions.RevokeAllOf(user.id, now).status();
}

absl::Status AppendEnd(storage::Repositories& repositories, const storage::User& user,
                       absl::Time now) {
  return repositories.revocations.Append({RevokeUserEntry(user.id, user.version, now)});
}

}  // namespace tessera::server
