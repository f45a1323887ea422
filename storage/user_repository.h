// Users at rest.
#ifndef TESSERA_STORAGE_USER_REPOSITORY_H_
#define TESSERA_STORAGE_USER_REPOSITORY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class UserRepository {
 public:
  virtual ~UserRepository() = default;

  // ALREADY_EXISTS USERNAME_TAKEN, EMAIL_TAKEN: in a transaction that is not committed then.
  virtual absl::Status Insert(const User& user) = 0;
  virtual absl::StatusOr<std::optional<User>> Find(const UserId& id) = 0;
  virtual absl::StatusOr<std::optional<User>> FindByName(std::string_view username) = 0;
  // By User::email_key.
  virtual absl::StatusOr<std::optional<User>> FindByEmail(std::string_view email_key) = 0;
  // Those that the filter admits, in the order of their ids, beginning behind `after` (empty: from
  // the start), at most `limit`.
  virtual absl::StatusOr<std::vector<User>> List(const UserFilter& filter, const UserId& after,
                                                 int limit) = 0;
  absl::StatusOr<std::vector<User>> List(const UserId& after, int limit) {
    return List({}, after, limit);
  }

  // Writes username, email, display name, state, version, revision, password hash, attributes and
  // updated_at, if the stored revision is still `expected_revision`; false if it is not, or the
  // user is gone.
  // ALREADY_EXISTS USERNAME_TAKEN, EMAIL_TAKEN: in a transaction that is not committed then.
  virtual absl::StatusOr<bool> Update(const User& user, int64_t expected_revision) = 0;
  // Sets last_login_at if the user is active and at `version`: Login's compare-and-swap. Leaves the
  // revision alone.
  virtual absl::StatusOr<bool> RecordLogin(const UserId& id, int64_t version, absl::Time now) = 0;
  // Stores a hash of the same password made with newer parameters, if version is still `version`.
  // Raises nothing.
  virtual absl::StatusOr<bool> ReplaceHash(const UserId& id, int64_t version,
                                           std::string_view password_hash) = 0;
  // Raises version by `step`, and revision by one, of the next `limit` users behind `after` (empty:
  // from the start), by id. The last one's id; empty: there was none.
  virtual absl::StatusOr<UserId> RaiseVersions(const UserId& after, int64_t step, int limit) = 0;
  // False if there is no such user. Its grants, memberships and sessions go too.
  virtual absl::StatusOr<bool> Delete(const UserId& id) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_USER_REPOSITORY_H_
